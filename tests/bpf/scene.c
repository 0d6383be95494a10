// SPDX-License-Identifier: BSD-2-Clause
/* One frame comes in; what has become of it, and of the world. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpftest.h"
#include "handfast.skel.h"

static struct scene the_scene;

/* Linux's layout. */
static const uint8_t syn_options[20] = {
    2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0x13, 0x88, 0, 0, 0, 0, 1, 3, 3, 7};

struct scene *scene_init(void)
{
	struct scene *s = &the_scene;
	struct frame *f = &s->frame;

	memset(s, 0, sizeof(*s));
	s->ifindex = s->l3_ifindex = env.ifindex;
	s->listener = L_ANY4;
	s->connection.client = s->connection.server = -1;
	frame_init(f);
	memcpy(f->smac, env.client_mac, 6);
	memcpy(f->dmac, env.mac, 6);
	frame_parse_addr(T_CLIENT4, f->src);
	frame_parse_addr(T_LOCAL4, f->dst);
	f->sport = T_CLIENT_PORT;
	f->dport = T_PORT;
	f->seq = 1000000;
	f->flags = TH_SYN;
	scene_options(s, syn_options, sizeof(syn_options));
	return s;
}

void scene_ipv6(struct scene *s)
{
	s->frame.family = AF_INET6;
	frame_parse_addr(T_CLIENT6, s->frame.src);
	frame_parse_addr(T_LOCAL6, s->frame.dst);
	s->listener = L_ANY6;
}

void scene_options(struct scene *s, const void *bytes, size_t len)
{
	memset(s->frame.options, 1, sizeof(s->frame.options));
	if (len)
		memcpy(s->frame.options, bytes, len);
	s->frame.options_len = len;
}

static void scene_addr(const struct frame *f, const uint8_t *bytes,
		       struct hf_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (f->family == AF_INET6) {
		memcpy(addr->b, bytes, 16);
		return;
	}
	addr->b[10] = addr->b[11] = 0xff;
	memcpy(addr->b + 12, bytes, 4);
}

void scene_tuple(const struct scene *s, struct hf_tuple *key)
{
	memset(key, 0, sizeof(*key));
	scene_addr(&s->frame, s->frame.src, &key->raddr);
	scene_addr(&s->frame, s->frame.dst, &key->laddr);
	key->rport = s->frame.sport;
	key->lport = s->frame.dport;
	key->scope = s->scope;
}

/* ------------------------------------------------------------------- run */

static void program_run(struct scene *s)
{
	struct xdp_md ctx = {
	    .data_end = (uint32_t)s->in_len,
	    .ingress_ifindex = s->ifindex,
	    .rx_queue_index = s->queue,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = s->in,
		    .data_size_in = (uint32_t)s->in_len, .data_out = s->out,
		    .data_size_out = sizeof(s->out), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));
	int fd = bpf_program__fd(env.skel->progs.handfast_xdp);

	memset(s->out, 0, sizeof(s->out));
	/* The program's clock may be a tick of the kernel old. */
	s->start_ns = now_ns() - 10 * MSEC;
	if (bpf_prog_test_run_opts(fd, &opts))
		fail_msg("BPF_PROG_TEST_RUN of %zu bytes: %s", s->in_len,
			 strerror(errno));
	s->end_ns = now_ns();
	s->verdict = (int)opts.retval;
	s->out_len = opts.data_size_out;
}

static int reason_counted(const struct scene *s)
{
	for (int i = 0; i < HF_R_request_rst; i++)
		if (s->after[i] != s->before[i])
			return i;
	return NOTHING;
}

void scene_run(struct scene *s)
{
	struct hf_tuple key;

	scene_tuple(s, &key);
	s->had = request_get(&key, &s->was);
	stats_get(s->before);
	if (!s->raw)
		s->in_len = frame_build(&s->frame, s->in, sizeof(s->in));
	assert_true(s->in_len > 0);
	program_run(s);
	stats_get(s->after);
	s->reason = reason_counted(s);
	s->has = request_get(&key, &s->is);
}

static const char *verdict_name(int verdict)
{
	static const char *const names[] = {
	    "ABORTED", "DROP", "PASS", "TX", "REDIRECT"};

	return verdict < 0 || verdict > 4 ? "?" : names[verdict];
}

static void check_counters(const struct scene *s, int reason, int info,
			   int info2)
{
	for (int i = 0; i < HF_REASON_COUNT; i++) {
		uint64_t want =
		    (i == reason) + (info && i == info) + (info2 && i == info2);
		uint64_t got = s->after[i] - s->before[i];

		if (got != want)
			fail_msg("verdict %s, counter %s: %lu times, not %lu",
				 verdict_name(s->verdict), reason_name(i), got,
				 want);
	}
}

static void check_verdict(const struct scene *s, int verdict)
{
	if (s->verdict != verdict)
		fail_msg("verdict %s for %s, not %s", verdict_name(s->verdict),
			 reason_name(s->reason), verdict_name(verdict));
}

void scene_expect(struct scene *s, int verdict, int reason)
{
	scene_run(s);
	check_verdict(s, verdict);
	check_counters(s, reason, 0, 0);
}

/* ------------------------------------------------------------- handshake */

void scene_ack(struct scene *s)
{
	struct tcp_options opt;
	struct frame got;
	uint8_t ts[12] = {1, 1, 8, 10};

	if (frame_parse(&got, s->out, s->out_len))
		fail_msg("the SYN-ACK is no TCP segment");
	frame_read_options(&got, &opt);
	s->iss = got.seq;
	s->tsval = opt.tsval;
	s->frame.seq++;
	s->frame.ack = got.seq + 1;
	s->frame.flags = TH_ACK;
	s->frame.window = 500;
	scene_options(s, NULL, 0);
	if (!opt.timestamps)
		return;
	/* Our TSval of the SYN, a millisecond later. */
	for (int i = 0; i < 4; i++) {
		ts[4 + i] = (uint8_t)((opt.tsecr + 1) >> (24 - i * 8));
		ts[8 + i] = (uint8_t)(opt.tsval >> (24 - i * 8));
	}
	scene_options(s, ts, sizeof(ts));
}

void scene_handshake(struct scene *s, int reason)
{
	scene_expect(s, XDP_TX, reason);
	scene_ack(s);
}

void scene_of_connection(struct scene *s, int family)
{
	if (family == AF_INET6)
		scene_ipv6(s);
	s->connection = connection_make(family, T_PORT);
	frame_parse_addr(family == AF_INET ? T_PEER4 : T_PEER6, s->frame.src);
	s->frame.sport = s->connection.rport;
}

void scene_request(struct scene *s, void (*change)(struct hf_request *req))
{
	struct hf_request req;
	struct hf_tuple key;

	scene_tuple(s, &key);
	assert_true(request_get(&key, &req));
	change(&req);
	request_put(&key, &req);
}

/* ------------------------------------------------------------------ rows */

static void check_answer(struct scene *s, enum answer answer)
{
	switch (answer) {
	case AS_IT_CAME:
		assert_int_equal(s->out_len, s->in_len);
		assert_memory_equal(s->out, s->in, s->in_len);
		break;
	case A_SYNACK:
		check_synack(s);
		break;
	case A_RST:
		check_rst(s);
		break;
	case A_CHALLENGE:
		check_challenge(s);
		break;
	case A_ANYTHING:
		break;
	}
}

static void check_request(const struct scene *s, enum after after)
{
	if (after == ANY_REQUEST)
		return;
	if (after == NO_REQUEST) {
		if (s->has)
			fail_msg("a request is there, in state %d",
				 s->is.word.state);
		return;
	}
	if (!s->has)
		fail_msg("no request is there");
	if (after == AS_BEFORE) {
		assert_true(s->had);
		assert_memory_equal(&s->is, &s->was, sizeof(s->is));
		return;
	}
	assert_int_equal(s->is.word.state, after == ACKED
					       ? HF_REQUEST_ACKED
					       : HF_REQUEST_SYN_RECV);
}

static void row_test(void **state)
{
	const struct row *row = *state;
	struct scene *s = &the_scene;

	if (row->ipv6)
		scene_ipv6(s);
	if (row->given)
		row->given(s);
	scene_run(s);
	check_verdict(s, row->verdict);
	check_counters(s, row->reason, row->info, row->info2);
	check_answer(s, row->answer);
	check_request(s, row->after);
	if (row->then)
		row->then(s);
}

int scene_setup(void **state)
{
	(void)state;
	world_reset();
	scene_init();
	return 0;
}

int scene_teardown(void **state)
{
	(void)state;
	connection_close(&the_scene.connection);
	world_check_and_drain();
	return 0;
}

int rows_main(const struct row *rows, size_t count, int argc, char **argv)
{
	struct CMUnitTest *tests = calloc(count, sizeof(*tests));
	int failed;

	if (!tests)
		return 1;
	for (size_t i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){
		    .name = rows[i].rule,
		    .test_func = row_test,
		    .setup_func = scene_setup,
		    .teardown_func = scene_teardown,
		    .initial_state = (void *)&rows[i],
		};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	env_make();
	failed = _cmocka_run_group_tests("bpf", tests, count, NULL, NULL);
	env_free();
	free(tests);
	return failed;
}
