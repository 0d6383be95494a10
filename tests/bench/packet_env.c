// SPDX-License-Identifier: BSD-2-Clause
/*
 * The namespace of the packet bench: a veth with an AF_XDP socket, as the
 * daemon would have one, and established connections that ehash knows.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xdp/xsk.h>

#include "packet.h"
#include "tests/tools/frame.h"

#define DEV "hfbench0"
#define DEV_PEER "hfbench1"
#define LOCAL "10.11.0.1"
#define XSK_FRAMES 64
#define FDS_KEPT 256 /* descriptors that are not connections */

extern char **environ;

static int command(char *const argv[])
{
	pid_t pid;
	int status, err;

	err = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (err) {
		fprintf(stderr, "packet: %s: %s\n", argv[0], strerror(err));
		return -1;
	}
	if (waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "packet: %s %s %s failed\n", argv[0], argv[1],
			argv[2]);
		return -1;
	}
	return 0;
}

#define COMMAND(...) command((char *[]){__VA_ARGS__, NULL})

static int veth_make(struct bench_env *env)
{
	int peer;

	if (COMMAND("ip", "link", "add", DEV, "type", "veth", "peer", "name",
		    DEV_PEER) ||
	    COMMAND("ip", "addr", "add", LOCAL "/24", "dev", DEV) ||
	    COMMAND("ip", "link", "set", "lo", "up") ||
	    COMMAND("ip", "link", "set", DEV, "up") ||
	    COMMAND("ip", "link", "set", DEV_PEER, "up") ||
	    COMMAND("ip", "route", "add", "198.18.0.0/15", "dev", DEV))
		return -1;
	env->local = ntohl(inet_addr(LOCAL));
	if (frame_interface(DEV, &env->ifindex, env->mac) ||
	    frame_interface(DEV_PEER, &peer, env->peer_mac)) {
		fprintf(stderr, "packet: no interface " DEV "\n");
		return -1;
	}
	return 0;
}

/* A real AF_XDP socket: the map takes nothing else. It never gets a frame. */
static int xsk_make(struct bench_env *env)
{
	static struct xsk_ring_prod fill, tx;
	static struct xsk_ring_cons comp, rx;
	struct xsk_socket_config config = {
	    .rx_size = XSK_FRAMES,
	    .tx_size = XSK_FRAMES,
	    .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
	};
	size_t size = XSK_FRAMES * XSK_UMEM__DEFAULT_FRAME_SIZE;
	struct xsk_socket *xsk;
	struct xsk_umem *umem;
	void *area;
	int err;

	area = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return -1;
	err = xsk_umem__create(&umem, area, size, &fill, &comp, NULL);
	if (!err)
		err = xsk_socket__create(&xsk, DEV, 0, umem, &rx, &tx, &config);
	if (err) {
		fprintf(stderr, "packet: AF_XDP socket on " DEV ": %s\n",
			strerror(-err));
		return -1;
	}
	env->xsk_fd = xsk_socket__fd(xsk);
	return 0;
}

/*
 * Test runs take a device's queue only if the driver has registered it for
 * XDP, and veth does so when a program is attached.
 */
int env_make(struct bench_env *env, struct bpf_program *attach)
{
	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "packet: network namespace: %s%s\n",
			strerror(errno), errno == EPERM ? " (be root)" : "");
		return -1;
	}
	if (veth_make(env))
		return -1;
	if (!bpf_program__attach_xdp(attach, env->ifindex)) {
		fprintf(
		    stderr, "packet: XDP on " DEV ": %s\n", strerror(errno));
		return -1;
	}
	return xsk_make(env);
}

int env_dispatch(struct bpf_program *prog)
{
	static unsigned int count;
	char dev[IF_NAMESIZE], peer[IF_NAMESIZE];

	snprintf(dev, sizeof(dev), "hfkeep%ua", count);
	snprintf(peer, sizeof(peer), "hfkeep%ub", count++);
	if (COMMAND(
		"ip", "link", "add", dev, "type", "veth", "peer", "name", peer))
		return -1;
	if (bpf_program__attach_xdp(prog, if_nametoindex(dev)))
		return 0;
	fprintf(stderr, "packet: XDP on %s: %s\n", dev, strerror(errno));
	return -1;
}

/* An established socket without a packet. In repair it is left. */
static int connection_make(const struct sockaddr_in *local,
			   const struct sockaddr_in *peer)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) &&
	    !bind(fd, (const struct sockaddr *)local, sizeof(*local)) &&
	    !connect(fd, (const struct sockaddr *)peer, sizeof(*peer)))
		return 0;
	on = -errno;
	close(fd);
	return on;
}

/* How many connections one process can hold. */
static uint32_t descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return 0;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	return lim.rlim_cur > 2 * FDS_KEPT ? lim.rlim_cur - FDS_KEPT : FDS_KEPT;
}

/* The kernel's listener stands behind, as it does in service. */
static int listener_make(const struct sockaddr_in *local)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)local, sizeof(*local)) ||
	    listen(fd, 1)) {
		fprintf(stderr, "packet: listener: %s\n", strerror(errno));
		return -1;
	}
	return 0;
}

static int connections_make(const struct bench_env *env,
			    const struct bench_flow *flows, uint32_t n)
{
	struct sockaddr_in local = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(env->local),
	    .sin_port = htons(BENCH_PORT),
	};

	for (uint32_t i = 0; i < n; i++) {
		struct sockaddr_in peer = {
		    .sin_family = AF_INET,
		    .sin_addr.s_addr = htonl(flows[i].saddr),
		    .sin_port = htons(flows[i].sport),
		};
		int err = connection_make(&local, &peer);

		if (err) {
			fprintf(stderr, "packet: connection %u: %s\n", i,
				strerror(-err));
			return -1;
		}
	}
	return 0;
}

/* A process for as many as it can hold; it ends with this one. */
static int connections_fork(const struct bench_env *env,
			    const struct bench_flow *flows, uint32_t n)
{
	int ready[2];
	char ok = 0;

	if (pipe(ready))
		return -1;
	switch (fork()) {
	case -1:
		return -1;
	case 0:
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		ok = !connections_make(env, flows, n);
		if (write(ready[1], &ok, 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &ok, 1) != 1)
		ok = 0;
	close(ready[0]);
	return ok ? 0 : -1;
}

int env_connect(const struct bench_env *env, const struct bench_flow *flows,
		uint32_t n)
{
	struct sockaddr_in local = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(env->local),
	    .sin_port = htons(BENCH_PORT),
	};
	uint32_t share = descriptors();

	if (!share || listener_make(&local))
		return -1;
	for (uint32_t i = 0; i < n; i += share) {
		if (connections_fork(
			env, flows + i, n - i < share ? n - i : share))
			return -1;
	}
	return 0;
}
