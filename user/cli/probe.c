// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cap-ng.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/capability.h>

#include "cli/probe.h"
#include "common/sysctl.h"
#include "common/world.h"

static enum probe_answer answer(int result)
{
	if (result < 0)
		return PROBE_UNKNOWN;
	return result ? PROBE_YES : PROBE_NO;
}

/* What a system call that was tried says. */
static enum probe_answer tried(int fd_or_error)
{
	if (fd_or_error >= 0)
		return PROBE_YES;
	return errno == EPERM || errno == EACCES ? PROBE_UNKNOWN : PROBE_NO;
}

/* Without rights every load fails, which libbpf takes for a no. */
static bool may_load(void)
{
	return !capng_get_caps_process() &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) &&
	       (capng_have_capability(CAPNG_EFFECTIVE, CAP_BPF) ||
		capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN));
}

static enum probe_answer program(enum bpf_prog_type type)
{
	if (!may_load())
		return PROBE_UNKNOWN;
	return answer(libbpf_probe_bpf_prog_type(type, NULL));
}

static enum probe_answer helper(enum bpf_prog_type type, enum bpf_func_id id)
{
	if (program(type) != PROBE_YES)
		return PROBE_UNKNOWN;
	return answer(libbpf_probe_bpf_helper(type, id, NULL));
}

static enum probe_answer map(enum bpf_map_type type)
{
	if (!may_load())
		return PROBE_UNKNOWN;
	return answer(libbpf_probe_bpf_map_type(type, NULL));
}

static enum probe_answer tcp_repair(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	enum probe_answer result;

	if (fd < 0)
		return PROBE_UNKNOWN;
	result =
	    tried(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)));
	close(fd);
	return result;
}

static enum probe_answer af_xdp(void)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	enum probe_answer result = tried(fd);

	if (fd >= 0)
		close(fd);
	return result;
}

static enum probe_answer tun(void)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	enum probe_answer result = tried(fd);

	if (fd >= 0)
		close(fd);
	return result;
}

static enum probe_answer jit(void)
{
	long value;

	if (hf_sysctl_values("net/core/bpf_jit_enable", &value, 1))
		return PROBE_UNKNOWN;
	return value ? PROBE_YES : PROBE_NO;
}

int probes_run(struct probe probes[PROBES_MAX])
{
	enum bpf_prog_type xdp = BPF_PROG_TYPE_XDP;
	const struct probe list[] = {
	    {"xdp", "the program that answers SYNs", program(xdp)},
	    {"syscall_program", "the daemon's changes of syn_table",
	     program(BPF_PROG_TYPE_SYSCALL)},
	    {"sched_cls", "injection of late segments",
	     program(BPF_PROG_TYPE_SCHED_CLS)},
	    {"xskmap", "the way to the daemon", map(BPF_MAP_TYPE_XSKMAP)},
	    {"skc_lookup_tcp", "telling established connections",
	     helper(xdp, BPF_FUNC_skc_lookup_tcp)},
	    {"xdp_load_bytes", "frames of several buffers (5.18)",
	     helper(xdp, BPF_FUNC_xdp_load_bytes)},
	    {"loop", "TCP options in any order (5.17)",
	     helper(xdp, BPF_FUNC_loop)},
	    {"jit", "speed (net.core.bpf_jit_enable)", jit()},
	    {"af_xdp", "the daemon's rings", af_xdp()},
	    {"tcp_repair", "the daemon's sockets", tcp_repair()},
	    {"tun", "injection of late segments", tun()},
	    {"sk_assign_tcp_reqsk", "listeners with delivery kernel (6.9)",
	     answer(hf_kernel_has("bpf_sk_assign_tcp_reqsk"))},
	};
	int i, n = sizeof(list) / sizeof(list[0]);

	_Static_assert(sizeof(list) / sizeof(list[0]) <= PROBES_MAX, "room");
	for (i = 0; i < n; i++)
		probes[i] = list[i];
	return n;
}
