// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/inherit.h"

#ifndef TCP_NOTSENT_LOWAT
#define TCP_NOTSENT_LOWAT 25
#endif
#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#endif

enum option_when {
	BEFORE, /* bind(2), connect(2) */
	AFTER,
	AFTER_HALVED, /* getsockopt gives twice what setsockopt took */
};

/* sk_clone_lock() copies all of a socket; these are what can be read back.
 * Not SO_SNDBUF or SO_RCVBUF that nobody set: that would end autotuning. */
static const struct {
	int level;
	int name;
	enum option_when when;
	int family; /* 0: both */
} options[] = {
    {SOL_SOCKET, SO_BINDTODEVICE, BEFORE, 0},
    {SOL_SOCKET, SO_MARK, BEFORE, 0},
    {SOL_SOCKET, SO_DONTROUTE, BEFORE, 0},
    {SOL_SOCKET, SO_RCVBUF, AFTER_HALVED, 0},
    {SOL_SOCKET, SO_SNDBUF, AFTER_HALVED, 0},
    {SOL_IP, IP_FREEBIND, BEFORE, 0},
    {SOL_IP, IP_TRANSPARENT, BEFORE, 0},
    {SOL_IP, IP_TOS, AFTER, 0},
    {SOL_IP, IP_TTL, AFTER, 0},
    {SOL_IP, IP_MTU_DISCOVER, AFTER, 0},
    {SOL_IP, IP_RECVTTL, AFTER, 0},
    {SOL_IP, IP_RECVTOS, AFTER, 0},
    {SOL_IP, IP_PKTINFO, AFTER, 0},
    {SOL_IPV6, IPV6_V6ONLY, BEFORE, AF_INET6},
    {SOL_IPV6, IPV6_TCLASS, AFTER, AF_INET6},
    {SOL_IPV6, IPV6_UNICAST_HOPS, AFTER, AF_INET6},
    {SOL_IPV6, IPV6_MTU_DISCOVER, AFTER, AF_INET6},
    {SOL_IPV6, IPV6_RECVPKTINFO, AFTER, AF_INET6},
    {SOL_IPV6, IPV6_RECVHOPLIMIT, AFTER, AF_INET6},
    {SOL_IPV6, IPV6_RECVTCLASS, AFTER, AF_INET6},
    {SOL_SOCKET, SO_KEEPALIVE, AFTER, 0},
    {SOL_SOCKET, SO_OOBINLINE, AFTER, 0},
    {SOL_SOCKET, SO_RCVLOWAT, AFTER, 0},
    {SOL_SOCKET, SO_RCVTIMEO, AFTER, 0},
    {SOL_SOCKET, SO_SNDTIMEO, AFTER, 0},
    {SOL_SOCKET, SO_TIMESTAMP, AFTER, 0},
    {SOL_SOCKET, SO_TIMESTAMPNS, AFTER, 0},
    {SOL_SOCKET, SO_MAX_PACING_RATE, AFTER, 0},
    {SOL_SOCKET, SO_BUSY_POLL, AFTER, 0},
    {SOL_SOCKET, SO_PREFER_BUSY_POLL, AFTER, 0},
    {SOL_SOCKET, SO_ZEROCOPY, AFTER, 0},
    {SOL_TCP, TCP_CONGESTION, AFTER, 0},
    {SOL_TCP, TCP_NODELAY, AFTER, 0},
    {SOL_TCP, TCP_CORK, AFTER, 0},
    {SOL_TCP, TCP_KEEPIDLE, AFTER, 0},
    {SOL_TCP, TCP_KEEPINTVL, AFTER, 0},
    {SOL_TCP, TCP_KEEPCNT, AFTER, 0},
    {SOL_TCP, TCP_SYNCNT, AFTER, 0},
    {SOL_TCP, TCP_LINGER2, AFTER, 0},
    {SOL_TCP, TCP_WINDOW_CLAMP, AFTER, 0},
    {SOL_TCP, TCP_USER_TIMEOUT, AFTER, 0},
    {SOL_TCP, TCP_NOTSENT_LOWAT, AFTER, 0},
    {SOL_TCP, TCP_THIN_LINEAR_TIMEOUTS, AFTER, 0},
    {SOL_TCP, TCP_INQ, AFTER, 0},
};

_Static_assert(sizeof(options) / sizeof(options[0]) <= INHERIT_OPTIONS_MAX,
	       "INHERIT_OPTIONS_MAX");

/* One option, if it is not what a fresh socket has. */
static void inherit_option(struct inherit *in, int fd, int fresh, size_t i)
{
	struct inherit_option *o = &in->option[in->count];
	char value[INHERIT_VALUE_MAX] = "";
	socklen_t len = sizeof(value);

	memset(o, 0, sizeof(*o));
	o->level = options[i].level;
	o->name = options[i].name;
	o->len = sizeof(o->value);
	if (getsockopt(fd, o->level, o->name, o->value, &o->len) ||
	    getsockopt(fresh, o->level, o->name, value, &len))
		return;
	if (o->len == len && !memcmp(o->value, value, len))
		return;
	if (options[i].when == AFTER_HALVED) {
		int size;

		memcpy(&size, o->value, sizeof(size));
		size /= 2;
		memcpy(o->value, &size, sizeof(size));
	}
	in->count++;
}

static void inherit_linger(struct inherit *in, int fd)
{
	struct linger linger = {};
	socklen_t len = sizeof(linger);

	in->linger = -1;
	if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) ||
	    !linger.l_onoff)
		return;
	/* On, with no time, is what children in the channel have anyway. */
	in->linger = linger.l_linger;
}

static int get_int(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	getsockopt(fd, level, name, &value, &len);
	return value;
}

int inherit_read(struct inherit *in, int fd, int family)
{
	const size_t n = sizeof(options) / sizeof(options[0]);
	int fresh = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fresh < 0)
		return -errno;
	memset(in, 0, sizeof(*in));
	for (size_t i = 0; i < n; i++)
		if (options[i].when == BEFORE &&
		    (!options[i].family || options[i].family == family))
			inherit_option(in, fd, fresh, i);
	in->before_count = in->count;
	for (size_t i = 0; i < n; i++)
		if (options[i].when != BEFORE &&
		    (!options[i].family || options[i].family == family))
			inherit_option(in, fd, fresh, i);
	in->reuseaddr = get_int(fd, SOL_SOCKET, SO_REUSEADDR);
	in->reuseport = get_int(fd, SOL_SOCKET, SO_REUSEPORT);
	inherit_linger(in, fd);
	close(fresh);
	return 0;
}

static void inherit_set(const struct inherit *in, int fd, size_t from,
			size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct inherit_option *o = &in->option[i];

		setsockopt(fd, o->level, o->name, o->value, o->len);
	}
}

void inherit_before_bind(const struct inherit *in, int fd)
{
	inherit_set(in, fd, 0, in->before_count);
}

void inherit_after_repair(const struct inherit *in, int fd)
{
	const int none = 0;

	inherit_set(in, fd, in->before_count, in->count);
	/* sk_clone_lock() clears it; setting IP_TOS has just set it. */
	if (in->count)
		setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &none, sizeof(none));
	if (in->reuseaddr)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &in->reuseaddr,
			   sizeof(in->reuseaddr));
	if (in->reuseport)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &in->reuseport,
			   sizeof(in->reuseport));
}
