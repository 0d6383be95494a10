// SPDX-License-Identifier: BSD-2-Clause
/* What the kernel's listener holds, by sock_diag(7). */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "watch.h"

#define STATE_SYN_RECV 3
#define STATE_LISTEN 10

struct diag_sum {
	uint64_t sockets;
	uint64_t rqueue;
};

static int diag_ask(int fd, uint16_t port, unsigned int state)
{
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req_v2 req;
	} ask = {
	    .nlh =
		{
		    .nlmsg_len = sizeof(ask),
		    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
	    .req =
		{
		    .sdiag_family = AF_INET,
		    .sdiag_protocol = IPPROTO_TCP,
		    .idiag_states = 1U << state,
		    .id.idiag_sport = htons(port),
		},
	};

	return send(fd, &ask, sizeof(ask), 0) == sizeof(ask) ? 0 : -errno;
}

/* Returns 1 while more is to come. */
static int diag_take(char *buf, ssize_t n, uint16_t port, struct diag_sum *sum)
{
	struct nlmsghdr *h = (struct nlmsghdr *)buf;

	for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		const struct inet_diag_msg *m = NLMSG_DATA(h);

		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR)
			return -EIO;
		if (m->id.idiag_sport != htons(port))
			continue;
		sum->sockets++;
		sum->rqueue += m->idiag_rqueue;
	}
	return 1;
}

static int diag(uint16_t port, unsigned int state, struct diag_sum *sum)
{
	struct timeval patience = {.tv_sec = 1};
	char buf[32768] __attribute__((aligned(8)));
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	err = diag_ask(fd, port, state);
	if (!err) {
		do {
			n = recv(fd, buf, sizeof(buf), 0);
			err = n < 0 ? -errno : diag_take(buf, n, port, sum);
		} while (err > 0);
	}
	close(fd);
	return err;
}

int diag_half_open(uint16_t port, uint64_t *count)
{
	struct diag_sum sum = {};
	int err = diag(port, STATE_SYN_RECV, &sum);

	if (!err)
		*count = sum.sockets;
	return err;
}

int diag_acceptq(uint16_t port, uint64_t *length)
{
	struct diag_sum sum = {};
	int err = diag(port, STATE_LISTEN, &sum);

	if (!err)
		*length = sum.rqueue;
	return err;
}
