// SPDX-License-Identifier: BSD-2-Clause
/* A network namespace with a pair of devices, and the programs loaded. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bpftest.h"
#include "handfast.skel.h"

struct env env;

static const char *const network[] = {
    "ip link set lo up",
    "ip link add hf0 address 02:00:00:00:09:01 numrxqueues 2 "
    "numtxqueues 2 type veth peer name hf1 address 02:00:00:00:09:02 "
    "numrxqueues 2 numtxqueues 2",
    "ethtool -K hf0 tx off >/dev/null",
    "ethtool -K hf1 tx off >/dev/null",
    "ip addr add " T_LOCAL4 "/24 dev hf0",
    "ip addr add " T_LOCAL6 "/64 dev hf0 nodad",
    "ip addr add " T_PEER4 "/32 dev lo",
    "ip addr add " T_PEER6 "/128 dev lo nodad",
    "ip link set hf0 up",
    "ip link set hf1 up",
    "ip neigh add " T_CLIENT4 " lladdr 02:00:00:00:09:02 dev hf0",
    "ip neigh add " T_CLIENT6 " lladdr 02:00:00:00:09:02 dev hf0",
};

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SEC + t.tv_nsec;
}

static void network_make(void)
{
	if (unshare(CLONE_NEWNET))
		die("network namespace (needs root)");
	for (size_t i = 0; i < sizeof(network) / sizeof(network[0]); i++)
		if (system(network[i]))
			die(network[i]);
	if (frame_interface("hf0", &env.ifindex, env.mac) ||
	    frame_interface("hf1", &env.other_ifindex, env.client_mac))
		die("interfaces");
}

static void *map_memory(struct bpf_map *map)
{
	size_t element = (bpf_map__value_size(map) + 7) & ~7UL;
	void *p = mmap(NULL, element * bpf_map__max_entries(map),
		       PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (p == MAP_FAILED)
		die(bpf_map__name(map));
	return p;
}

/*
 * The device under test needs a program for its RX queues to be known to
 * BPF_PROG_TEST_RUN: one that lets all pass, as frames of the kernel's own
 * arrive there in some tests. The program under test is attached to the peer:
 * the kernel's XDP dispatcher knows it then, and a test run takes microseconds
 * in place of 20 ms.
 */
static void programs_attach(void)
{
	const struct bpf_insn pass[] = {
	    {.code = 0xb7, .dst_reg = 0, .imm = XDP_PASS}, /* r0 = PASS */
	    {.code = 0x95},                                /* exit */
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", pass, 2, NULL);

	if (fd < 0 || bpf_xdp_attach(env.ifindex, fd, XDP_FLAGS_DRV_MODE, NULL))
		die("attaching to hf0");
	close(fd);
	fd = bpf_program__fd(env.skel->progs.handfast_xdp);
	if (bpf_xdp_attach(env.other_ifindex, fd, XDP_FLAGS_DRV_MODE, NULL))
		die("attaching to hf1");
}

/* Test runs are on one CPU: what a CPU counts for itself adds up. */
static void cpu_keep(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("staying on one CPU");
}

void env_make(void)
{
	cpu_keep();
	network_make();
	env.skel = handfast_bpf__open_and_load();
	if (!env.skel)
		die("loading the programs");
	env.cpus = libbpf_num_possible_cpus();
	programs_attach();
	env.listener = map_memory(env.skel->maps.listen_table);
	env.port = map_memory(env.skel->maps.port_table);
	env.filter = map_memory(env.skel->maps.syn_filter);
	env.fills = map_memory(env.skel->maps.fills);
	env.batch = map_memory(env.skel->maps.request_batches);
}

void env_free(void)
{
	handfast_bpf__destroy(env.skel);
}

/* ------------------------------------------------------------ connections */

static socklen_t sockaddr_make(const char *text, uint16_t port,
			       struct sockaddr_storage *addr)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in *in = (struct sockaddr_in *)addr;

	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return sizeof(*in);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	return sizeof(*in6);
}

static int socket_bound(const char *text, uint16_t port)
{
	struct sockaddr_storage addr;
	socklen_t len = sockaddr_make(text, port, &addr);
	int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, len))
		fail_msg("bind to %s port %u: %s", text, port, strerror(errno));
	return fd;
}

int kernel_listen(int family, uint16_t port)
{
	int fd = socket_bound(family == AF_INET ? T_LOCAL4 : T_LOCAL6, port);

	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

struct connection connection_make(int family, uint16_t lport)
{
	bool ipv4 = family == AF_INET;
	int listener = kernel_listen(family, lport);
	struct sockaddr_storage addr;
	struct connection c;
	socklen_t len;

	c.client = socket_bound(ipv4 ? T_PEER4 : T_PEER6, 0);
	len = sockaddr_make(ipv4 ? T_LOCAL4 : T_LOCAL6, lport, &addr);
	if (connect(c.client, (struct sockaddr *)&addr, len))
		fail_msg("connect: %s", strerror(errno));
	c.server = accept(listener, NULL, NULL);
	assert_true(c.server >= 0);
	len = sizeof(addr);
	getsockname(c.client, (struct sockaddr *)&addr, &len);
	/* The port is at the same place in both families. */
	c.rport = ntohs(((struct sockaddr_in *)&addr)->sin_port);
	close(listener);
	return c;
}

void connection_time_wait(struct connection *c)
{
	char byte;

	close(c->server);
	assert_int_equal(recv(c->client, &byte, 1, 0), 0);
	close(c->client);
	c->server = c->client = -1;
}

void connection_close(struct connection *c)
{
	struct linger linger = {.l_onoff = 1};

	if (c->client < 0)
		return;
	/* With RST: no TIME_WAIT stays behind. */
	setsockopt(c->client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(c->client);
	close(c->server);
	c->server = c->client = -1;
}
