// SPDX-License-Identifier: BSD-2-Clause
/*
 * Delivery by the kernel: what XDP does with the segments of a complete
 * request, and `deliver` on the ingress of a device, which makes the kernel
 * take them. That program does its work only for frames that really arrive.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpftest.h"
#include "deliver.skel.h"
#include "handfast.skel.h"

static struct hf_listener *listener(const struct scene *s)
{
	return &env.listener[s->listener];
}

static void request_of(struct scene *s, struct hf_request *req)
{
	struct hf_tuple key;

	scene_tuple(s, &key);
	assert_true(request_get(&key, req));
}

static bool has_request(struct scene *s)
{
	struct hf_request req;
	struct hf_tuple key;

	scene_tuple(s, &key);
	return request_get(&key, &req);
}

static struct scene *scene_direct(void)
{
	struct scene *s = scene_init();

	DEVICE_SET(deliver_ifindex, (uint32_t)env.other_ifindex);
	env.listener[L_ANY4].delivery = HF_DELIVERY_KERNEL;
	env.listener[L_ANY6].delivery = HF_DELIVERY_KERNEL;
	return s;
}

/* As `deliver` leaves it. */
static void set_assigned(struct hf_request *req)
{
	req->assigned_ms = 1;
}

static void assigned(struct scene *s)
{
	scene_request(s, set_assigned);
}

/* ------------------------------------------------------------------- XDP */

/* The kernel is left what it alone can do */
static void test_left_to_kernel(void **state)
{
	struct scene *s = scene_direct();
	struct hf_device vlan;

	(void)state;
	CONFIG_SET(syncookies, 0);
	scene_expect(s, XDP_PASS, HF_R_pass_delivery);
	CONFIG_SET(syncookies, 1);
	scene_expect(s, XDP_TX, HF_R_synack_state);
	vlan_put(0x88a8, 10, 0x8100, 20, T_VLAN_IFINDEX);
	device_get(T_VLAN_IFINDEX, &vlan);
	memcpy(s->frame.dmac, vlan.mac, 6);
	s->frame.vlans = 2;
	s->frame.vlan[0] = (struct vlan_tag){0x88a8, 10};
	s->frame.vlan[1] = (struct vlan_tag){0x8100, 20};
	scene_expect(s, XDP_PASS, HF_R_pass_delivery);
}

/* Nobody holds descriptors for it */
static void test_not_paused(void **state)
{
	struct scene *s = scene_direct();

	(void)state;
	CONFIG_SET(paused, 1);
	scene_expect(s, XDP_TX, HF_R_synack_state);
}

/* From the ACK to the first segment that finds the connection made */
static void test_request(void **state)
{
	struct scene *s = scene_direct();

	(void)state;
	scene_of_connection(s, AF_INET);
	scene_handshake(s, HF_R_synack_state);
	connection_close(&s->connection);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
	assert_int_equal(listener(s)->acceptq_len, 0);
	/* Not made yet. */
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_flow);
	assigned(s);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_flow);
	assert_true(has_request(s));
}

static void set_made(struct hf_request *req)
{
	req->flags &= (__u8)~HF_REQUEST_BLOCKED;
	req->assigned_ms = 1;
}

/* The daemon died: what it had begun is completed all the same */
static void test_without_worker(void **state)
{
	struct scene *s = scene_direct();

	(void)state;
	scene_handshake(s, HF_R_synack_state);
	worker_set(0, false);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_flow);
	DEVICE_SET(deliver_ifindex, 0);
	scene_expect(s, XDP_DROP, HF_R_drop_no_worker);
}

/* The connection is there, and was made from this request */
static void test_made(void **state)
{
	struct scene *s = scene_direct();

	(void)state;
	scene_of_connection(s, AF_INET);
	scene_handshake(s, HF_R_synack_state);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
	scene_request(s, set_made);
	scene_expect(s, XDP_PASS, HF_R_pass_delivered);
	assert_false(has_request(s));
	assert_int_equal(listener(s)->acceptq_len, 0);
	scene_expect(s, XDP_PASS, NOTHING);
	connection_close(&s->connection);
}

/* An older connection has the tuple: to the worker, which destroys it */
static void blocked(int family, bool time_wait)
{
	struct scene *s = scene_direct();
	struct hf_request req;

	scene_of_connection(s, family);
	if (time_wait)
		connection_time_wait(&s->connection);
	scene_handshake(s, HF_R_synack_state);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
	request_of(s, &req);
	assert_true(req.flags & HF_REQUEST_BLOCKED);
	/* Whatever is there later, what follows may not overtake. */
	assigned(s);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_flow);
	assert_true(has_request(s));
	connection_close(&s->connection);
}

static void test_blocked(void **state)
{
	(void)state;
	blocked(AF_INET, false);
}

static void test_blocked_ipv6(void **state)
{
	(void)state;
	blocked(AF_INET6, false);
}

static void test_blocked_time_wait(void **state)
{
	(void)state;
	blocked(AF_INET, true);
}

/* A later segment comes first: the kernel would take its ISN for the first */
static void test_ahead(void **state)
{
	struct scene *s = scene_direct();
	struct hf_request req;

	(void)state;
	scene_handshake(s, HF_R_synack_state);
	s->frame.seq += 100;
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
	request_of(s, &req);
	assert_true(req.flags & HF_REQUEST_AHEAD);
	assert_int_equal(req.irs + 1, s->frame.seq - 100);
}

/* An ACK with a cookie makes the same request */
static void test_cookie(void **state)
{
	struct scene *s = scene_direct();
	struct hf_request req;

	(void)state;
	listener(s)->cookies = HF_COOKIES_ALWAYS;
	scene_handshake(s, HF_R_synack_cookie);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_cookie);
	request_of(s, &req);
	assert_int_equal(req.assigned_ms, 0);
	assert_int_equal(
	    req.flags & (HF_REQUEST_BLOCKED | HF_REQUEST_AHEAD), 0);
}

static void test_cookie_time_wait(void **state)
{
	struct scene *s = scene_direct();
	struct hf_request req;

	(void)state;
	scene_of_connection(s, AF_INET);
	connection_time_wait(&s->connection);
	listener(s)->cookies = HF_COOKIES_ALWAYS;
	scene_handshake(s, HF_R_synack_cookie);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_cookie);
	request_of(s, &req);
	assert_true(req.flags & HF_REQUEST_BLOCKED);
}

/* What waits in the kernel's queue takes places as well */
static void test_full(void **state)
{
	struct scene *s = scene_direct();

	(void)state;
	scene_handshake(s, HF_R_synack_state);
	listener(s)->acceptq_kernel = listener(s)->backlog + 1;
	scene_expect(s, XDP_DROP, HF_R_drop_ack_acceptq_full);
	s->frame.sport++;
	s->frame.flags = TH_SYN;
	scene_expect(s, XDP_DROP, HF_R_drop_syn_acceptq_full);
}

/* The ACK meets the listening socket, and reads how full its queue is */
static void test_fill_is_read(void **state)
{
	struct scene *s = scene_direct();
	struct sockaddr_in to = {
	    .sin_family = AF_INET,
	    .sin_port = htons(T_PORT),
	};
	int fd = kernel_listen(AF_INET, T_PORT), client[3];

	(void)state;
	inet_pton(AF_INET, T_LOCAL4, &to.sin_addr);
	for (int i = 0; i < 3; i++) {
		client[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(
		    connect(client[i], (struct sockaddr *)&to, sizeof(to)), 0);
	}
	listener(s)->backlog = 2;
	scene_handshake(s, HF_R_synack_state);
	scene_expect(s, XDP_DROP, HF_R_drop_ack_acceptq_full);
	assert_int_equal(listener(s)->acceptq_kernel, 3);
	close(accept(fd, NULL, NULL));
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
	assert_int_equal(listener(s)->acceptq_kernel, 2);
	for (int i = 0; i < 3; i++)
		close(client[i]);
	close(fd);
}

/* --------------------------------------------------------------- deliver */

/* `deliver` on the ingress of hf0, for what is sent from hf1. */
static struct direct {
	int listener; /* the kernel's */
	int sender;
	struct bpf_tc_hook hook;
	struct scene *s;
	struct deliver_bpf *skel; /* NULL: the kernel is too old */
} direct;

static void deliver_load(void)
{
	struct deliver_bpf *skel = deliver_bpf__open();
	struct bpf_map *map;

	bpf_object__for_each_map(map, skel->obj)
	{
		struct bpf_map *same = bpf_object__find_map_by_name(
		    env.skel->obj, bpf_map__name(map));

		bpf_map__reuse_fd(map, bpf_map__fd(same));
	}
	if (!deliver_bpf__load(skel))
		direct.skel = skel;
	else
		deliver_bpf__destroy(skel);
}

static void direct_make(int family)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);

	if (!direct.skel)
		skip(); /* bpf_sk_assign_tcp_reqsk(), Linux 6.9 */
	opts.prog_fd = bpf_program__fd(direct.skel->progs.deliver);
	direct.hook = (struct bpf_tc_hook){
	    .sz = sizeof(direct.hook),
	    .ifindex = env.ifindex,
	    .attach_point = BPF_TC_INGRESS,
	};
	assert_int_equal(bpf_tc_hook_create(&direct.hook), 0);
	assert_int_equal(bpf_tc_attach(&direct.hook, &opts), 0);
	direct.listener = kernel_listen(family, T_PORT);
	direct.sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_true(direct.sender >= 0);
	direct.s = scene_direct();
	if (family == AF_INET6)
		scene_ipv6(direct.s);
}

static void direct_end(void)
{
	direct.hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&direct.hook);
	close(direct.sender);
	close(direct.listener);
}

static uint64_t counted(enum hf_reason reason)
{
	uint64_t counter[HF_REASON_COUNT];

	stats_get(counter);
	return counter[reason];
}

/* Sends the scene's frame, and waits until `reason` is counted. */
static void arrive(int reason)
{
	struct sockaddr_ll to = {
	    .sll_family = AF_PACKET,
	    .sll_ifindex = env.other_ifindex,
	};
	uint8_t frame[T_FRAME_MAX];
	size_t len = frame_build(&direct.s->frame, frame, sizeof(frame));
	uint64_t before = reason < 0 ? 0 : counted((enum hf_reason)reason);

	assert_int_equal(sendto(direct.sender, frame, len, 0,
				(struct sockaddr *)&to, sizeof(to)),
			 len);
	for (int i = 0; reason >= 0 && i < 2000; i++) {
		if (counted((enum hf_reason)reason) != before)
			return;
		usleep(1000);
	}
	if (reason >= 0)
		fail_msg("%s is not counted", reason_name(reason));
}

/* The connection that the kernel has made, or -1. */
static int accepted(int ms)
{
	struct pollfd pfd = {.fd = direct.listener, .events = POLLIN};

	return poll(&pfd, 1, ms) == 1 ? accept(direct.listener, NULL, NULL)
				      : -1;
}

/* Gone at once: the next test has the same tuple. */
static void abort_connection(int fd)
{
	struct linger linger = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

static void acked(struct scene *s)
{
	scene_handshake(s, HF_R_synack_state);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
}

/* What the SYN-ACK promised is what the connection has */
static void makes(int family)
{
	uint64_t again = counted(HF_R_assigned_again);
	struct tcp_info info = {};
	socklen_t len = sizeof(info);
	struct hf_request req;
	char data[8];
	int fd;

	direct_make(family);
	acked(direct.s);
	arrive(HF_R_assigned);
	fd = accepted(2000);
	assert_true(fd >= 0);
	assert_int_equal(listener(direct.s)->acceptq_len, 0);
	request_of(direct.s, &req);
	assert_int_not_equal(req.assigned_ms, 0);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	assert_int_equal(info.tcpi_state, TCP_ESTABLISHED);
	assert_int_equal(info.tcpi_snd_wscale, req.snd_wscale);
	assert_int_equal(info.tcpi_rcv_wscale, req.rcv_wscale);
	assert_int_equal(info.tcpi_options & (TCPI_OPT_TIMESTAMPS |
					      TCPI_OPT_SACK | TCPI_OPT_WSCALE),
			 TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE);
	/* By the client's MSS, or the MTU of 1500. */
	assert_int_equal(
	    info.tcpi_snd_mss, (family == AF_INET ? req.mss : 1440) - 12);
	/* The next segment fits: no ISN is wrong. */
	direct.s->frame.payload = (const uint8_t *)"handfast";
	direct.s->frame.payload_len = 8;
	arrive(NOTHING);
	assert_int_equal(recv(fd, data, sizeof(data), MSG_WAITALL), 8);
	assert_memory_equal(data, "handfast", 8);
	assert_int_equal(counted(HF_R_assigned_again), again);
	abort_connection(fd);
	direct_end();
}

static void test_makes(void **state)
{
	(void)state;
	makes(AF_INET);
}

static void test_makes_ipv6(void **state)
{
	(void)state;
	makes(AF_INET6);
}

/* Whatever stands before TCP, its request is found */
static void found(void)
{
	acked(direct.s);
	arrive(HF_R_assigned);
	direct_end();
}

static void test_tag(void **state)
{
	struct hf_device vlan;

	(void)state;
	direct_make(AF_INET);
	vlan_put(0x8100, T_VLAN, 0, 0, T_VLAN_IFINDEX);
	device_get(T_VLAN_IFINDEX, &vlan);
	memcpy(direct.s->frame.dmac, vlan.mac, 6);
	direct.s->frame.vlans = 1;
	direct.s->frame.vlan[0] = (struct vlan_tag){0x8100, T_VLAN};
	found();
}

static void test_ip_options(void **state)
{
	(void)state;
	direct_make(AF_INET);
	memset(direct.s->frame.ip_options, 1, 8); /* NOP */
	direct.s->frame.ip_options_len = 8;
	found();
}

static void test_ext_headers(void **state)
{
	uint8_t *ext;

	(void)state;
	direct_make(AF_INET6);
	ext = direct.s->frame.ip_options;
	direct.s->frame.ext_first = IPPROTO_DSTOPTS;
	direct.s->frame.ip_options_len = 16;
	for (int i = 0; i < 2; i++, ext += 8) {
		memset(ext, 0, 8);
		ext[0] = i ? IPPROTO_TCP : IPPROTO_DSTOPTS;
		ext[2] = 1; /* PadN of 4 */
		ext[3] = 4;
	}
	found();
}

/* A segment that has no request, or one of another delivery, goes on */
static void test_not_its_business(void **state)
{
	uint64_t before = counted(HF_R_assigned);
	int fd;

	(void)state;
	direct_make(AF_INET);
	listener(direct.s)->delivery = HF_DELIVERY_ACCEPT;
	acked(direct.s);
	arrive(NOTHING);
	fd = accepted(100);
	assert_int_equal(fd, -1);
	assert_int_equal(counted(HF_R_assigned), before);
	direct_end();
}

/*
 * Nothing was made of the first segment. The kernel takes the ISNs from the
 * one that it is given: that may be none but the same again, whoever sends
 * others, and RST ends it.
 */
static void set_assigned_long_ago(struct hf_request *req)
{
	req->assigned_ms -= 1000;
}

static void test_wrong_segments(void **state)
{
	uint64_t again;
	int fd;

	(void)state;
	direct_make(AF_INET);
	acked(direct.s);
	scene_request(direct.s, set_assigned);
	scene_request(direct.s, set_assigned_long_ago);
	again = counted(HF_R_assigned_again);
	direct.s->frame.seq += 1000; /* its next one */
	arrive(HF_R_drop_assign_early);
	direct.s->frame.seq -= 1001;
	arrive(HF_R_drop_assign_early);
	direct.s->frame.seq++;
	direct.s->frame.ack++;
	arrive(HF_R_drop_assign_early);
	direct.s->frame.ack--;
	direct.s->frame.flags |= TH_RST;
	direct.s->frame.seq -= 2; /* outside the window */
	arrive(HF_R_drop_assign_early);
	direct.s->frame.seq += 2;
	direct.s->frame.flags &= (uint8_t)~TH_RST;
	fd = accepted(50);
	assert_int_equal(fd, -1);
	assert_int_equal(counted(HF_R_assigned_again), again);
	assert_true(has_request(direct.s));
	direct.s->frame.flags |= TH_RST;
	arrive(HF_R_request_rst);
	assert_false(has_request(direct.s));
	direct_end();
}

/* The queue is full: nothing is made, nothing is reset, and later it is */
static void test_queue_full(void **state)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET,
	    .sin_port = htons(T_PORT),
	};
	int client, fd;

	(void)state;
	direct_make(AF_INET);
	assert_int_equal(listen(direct.listener, 0), 0);
	inet_pton(AF_INET, T_LOCAL4, &to.sin_addr);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
	scene_handshake(direct.s, HF_R_synack_state);
	/* XDP could not know. */
	listener(direct.s)->backlog = 8;
	scene_expect(direct.s, XDP_REDIRECT, HF_R_redirect_acked);
	arrive(HF_R_assigned);
	/* What follows at once must not meet the listener alone. */
	arrive(HF_R_drop_assign_early);
	assert_true(has_request(direct.s));
	fd = accepted(1000);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(accepted(100), -1);
	arrive(HF_R_assigned_again);
	fd = accepted(1000);
	assert_true(fd >= 0);
	abort_connection(fd);
	close(client);
	direct_end();
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_left_to_kernel),
	    TEST(test_not_paused),
	    TEST(test_request),
	    TEST(test_without_worker),
	    TEST(test_made),
	    TEST(test_blocked),
	    TEST(test_blocked_ipv6),
	    TEST(test_blocked_time_wait),
	    TEST(test_ahead),
	    TEST(test_cookie),
	    TEST(test_cookie_time_wait),
	    TEST(test_full),
	    TEST(test_fill_is_read),
	    TEST(test_makes),
	    TEST(test_makes_ipv6),
	    TEST(test_tag),
	    TEST(test_ip_options),
	    TEST(test_ext_headers),
	    TEST(test_not_its_business),
	    TEST(test_wrong_segments),
	    TEST(test_queue_full),
	};
	int failed;

	env_make();
	deliver_load();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	deliver_bpf__destroy(direct.skel);
	env_free();
	return failed;
}
