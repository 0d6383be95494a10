// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/child.h"
#include "daemon/frame.h"
#include "daemon/sockdiag.h"

#define TCPOPT_MAXSEG 2
#define TCPOPT_WINDOW 3
#define TCPOPT_SACK_PERMITTED 4
#define TCPOPT_TIMESTAMP 8

/* enum of net/ipv4/tcp.c that the headers do not export */
#define REPAIR_QUEUE_RECV 1
#define REPAIR_QUEUE_SEND 2

struct child_build {
	const struct hf_tuple *tuple;
	const struct hf_request *req;
	const struct listener *l;
	int fd;
};

static int set_int(int fd, int name, int value)
{
	return setsockopt(fd, IPPROTO_TCP, name, &value, sizeof(value)) ? -errno
									: 0;
}

/* An endpoint as the listener's family sees it: an AF_INET6 one gets IPv4
 * addresses mapped. */
static socklen_t endpoint(const struct child_build *b,
			  const struct hf_addr *addr, uint16_t port,
			  struct hf_child_msg *msg)
{
	memset(msg, 0, sizeof(*msg));
	if (b->l->mem->family == AF_INET) {
		msg->peer.in.sin_family = AF_INET;
		msg->peer.in.sin_port = htons(port);
		memcpy(&msg->peer.in.sin_addr, addr->b + 12, 4);
		return sizeof(msg->peer.in);
	}
	msg->peer.in6.sin6_family = AF_INET6;
	msg->peer.in6.sin6_port = htons(port);
	memcpy(&msg->peer.in6.sin6_addr, addr->b, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&msg->peer.in6.sin6_addr))
		msg->peer.in6.sin6_scope_id = b->req->l3_ifindex;
	return sizeof(msg->peer.in6);
}

static int repair_queue_seq(int fd, int queue, uint32_t seq)
{
	int err = set_int(fd, TCP_REPAIR_QUEUE, queue);

	return err ? err : set_int(fd, TCP_QUEUE_SEQ, (int)seq);
}

/* The client's, or what the listener's TCP_MAXSEG bounds it to. */
static int build_mss(const struct child_build *b)
{
	int bound = b->l->mem->user_mss;

	return bound && bound < b->req->mss ? bound : b->req->mss;
}

/* While closed: the sequence numbers, the MSS (after connect it would be
 * ignored and the socket send 524 bytes a segment), what bind looks at. A
 * child that does not scale must not choose a scale in connect: without the
 * clamp it would go on to announce its window shifted by that. */
static int build_closed(struct child_build *b)
{
	int err;

	b->fd =
	    socket(b->l->mem->family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (b->fd < 0)
		return -errno;
	err = set_int(b->fd, TCP_REPAIR, TCP_REPAIR_ON);
	if (!err)
		err =
		    repair_queue_seq(b->fd, REPAIR_QUEUE_SEND, b->req->iss + 1);
	if (!err)
		err =
		    repair_queue_seq(b->fd, REPAIR_QUEUE_RECV, b->req->irs + 1);
	if (!err)
		err = set_int(b->fd, TCP_MAXSEG, build_mss(b));
	if (!err && b->req->rcv_wscale == HF_WSCALE_NONE)
		err = set_int(b->fd, TCP_WINDOW_CLAMP, 65535);
	if (!err)
		inherit_before_bind(&b->l->inherit, b->fd);
	return err;
}

/* From the connect on the socket is in ehash; no packet is sent. */
static int build_connect(struct child_build *b)
{
	struct hf_child_msg local, peer;
	socklen_t len;

	len = endpoint(b, &b->tuple->laddr, b->tuple->lport, &local);
	if (bind(b->fd, (struct sockaddr *)&local.peer, len))
		return -errno;
	len = endpoint(b, &b->tuple->raddr, b->tuple->rport, &peer);
	if (connect(b->fd, (struct sockaddr *)&peer.peer, len))
		return -errno;
	return 0;
}

static int build_options(const struct child_build *b)
{
	struct tcp_repair_opt options[4];
	socklen_t n = 0;

	options[n].opt_code = TCPOPT_MAXSEG;
	options[n++].opt_val = b->req->mss;
	if (b->req->snd_wscale != HF_WSCALE_NONE) {
		options[n].opt_code = TCPOPT_WINDOW;
		options[n++].opt_val =
		    b->req->snd_wscale | (uint32_t)b->req->rcv_wscale << 16;
	}
	if (b->req->flags & HF_REQUEST_SACK) {
		options[n].opt_code = TCPOPT_SACK_PERMITTED;
		options[n++].opt_val = 0;
	}
	if (b->req->flags & HF_REQUEST_TSTAMP) {
		options[n].opt_code = TCPOPT_TIMESTAMP;
		options[n++].opt_val = 0;
	}
	return setsockopt(b->fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, options,
			  n * (socklen_t)sizeof(options[0]))
		   ? -errno
		   : 0;
}

/* Our clock for the flow, not before that of the SYN-ACK. Even: an odd value
 * would switch the socket to timestamps in microseconds. */
static int build_timestamp(const struct child_build *b)
{
	uint32_t tsval =
	    (uint32_t)(hf_now_ns() / NSEC_PER_MSEC) + b->req->ts_off;

	if (!(b->req->flags & HF_REQUEST_TSTAMP))
		return 0;
	return set_int(b->fd, TCP_TIMESTAMP, (int)((tsval + 1) & ~1U));
}

static int build_window(const struct child_build *b)
{
	struct tcp_repair_window window = {
	    .snd_wl1 = b->req->ack_seq,
	    .snd_wnd = b->req->snd_wnd,
	    .max_window = b->req->snd_wnd,
	    .rcv_wnd = b->req->rcv_wnd,
	    .rcv_wup = b->req->irs + 1,
	};

	return setsockopt(b->fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window,
			  sizeof(window))
		   ? -errno
		   : 0;
}

/* The rest, up to leaving repair mode without a window probe. */
static int build_established(const struct child_build *b)
{
	int err = build_options(b);

	if (!err)
		err = build_timestamp(b);
	if (!err)
		err = build_window(b);
	if (!err)
		err = set_int(b->fd, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
	return err;
}

static int build_once(struct child_build *b)
{
	int err = build_closed(b);

	if (!err)
		err = build_connect(b);
	if (!err)
		err = build_established(b);
	if (err && b->fd >= 0)
		close(b->fd); /* still in repair mode: silent */
	return err;
}

/* Owner and options of the application's listener, as a clone would have. */
static void child_adopt(const struct child_build *b, struct waiting *child)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};

	inherit_after_repair(&b->l->inherit, b->fd);
	if (b->l->uid != hfd.uid && fchown(b->fd, b->l->uid, b->l->gid))
		hf_debug("cannot give a child to uid %u: %s", b->l->uid,
			 strerror(errno));
	setsockopt(b->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	endpoint(b, &b->tuple->raddr, b->tuple->rport, &child->msg);
	child->msg.linger = b->l->inherit.linger;
	child->fd = b->fd;
}

int child_build(const struct hf_tuple *tuple, const struct hf_request *req,
		const struct listener *l, struct waiting *child)
{
	struct child_build b = {.tuple = tuple, .req = req, .l = l, .fd = -1};
	int err = build_once(&b);

	if (err == -EADDRNOTAVAIL || err == -EADDRINUSE) {
		if (sockdiag_destroy(tuple, l->mem->ifindex) == 0)
			DAEMON_COUNT(destroyed);
		err = build_once(&b);
	}
	if (err) {
		DAEMON_COUNT(child_errors);
		return err;
	}
	child_adopt(&b, child);
	DAEMON_COUNT(children);
	return 0;
}
