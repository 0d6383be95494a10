/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control protocol, between libhandfast or the CLI and the daemon: one
 * SOCK_SEQPACKET connection to the control socket, one struct a packet, one
 * reply for each request, in order. Host byte order: both ends are on one
 * machine. A packet of another size, version or type is answered with
 * EPROTO and the connection is closed.
 *
 * Children reach the application over a *channel*: a SOCK_SEQPACKET
 * socketpair that the library makes. The application polls and reads one
 * end; the other end is passed to the daemon, which writes one struct
 * hf_child_msg with one SCM_RIGHTS descriptor for each connection. The
 * library keeps a copy of the writing end too, so that the descriptor that
 * the application holds outlives the daemon.
 */
#ifndef HANDFAST_CONTROL_H
#define HANDFAST_CONTROL_H

#include <linux/types.h>
#include <netinet/in.h>

#define HF_CTL_VERSION 2U
#define HF_SOCKET_DEFAULT "/run/handfast/control.sock"
#define HF_BPFFS_DEFAULT "/sys/fs/bpf/handfast"

enum hf_ctl_type {
	/* Application: listen. Descriptors: the bound socket, the channel's
	 * writing end, its page; of delivery KERNEL, the socket alone. One
	 * connection carries one listener and is its
	 * life: closing it ends the listener. Sent again on the same
	 * connection, with the same socket (by SO_COOKIE), only backlog and
	 * options change. */
	HF_CTL_LISTEN = 1,
	/* CLI (root or the daemon's own uid): an interface was attached, or
	 * is about to be detached. The daemon opens rings for it, or closes
	 * them when no ACKED request is left; then it replies. */
	HF_CTL_ATTACHED,
	HF_CTL_DETACH,
	/* CLI: read the sysctls again (as SIGHUP does). */
	HF_CTL_RELOAD,
};

struct hf_ctl_request {
	__u32 version;  /* HF_CTL_VERSION */
	__u32 type;     /* enum hf_ctl_type */
	__s32 backlog;  /* LISTEN, as for listen(2) */
	__u32 cookies;  /* LISTEN, enum hf_cookie_mode */
	__u32 overflow; /* LISTEN, enum hf_overflow, or HF_CTL_DEFAULT */
	__u32 delivery; /* LISTEN, enum hf_delivery */
	__u32 ifindex;  /* ATTACHED, DETACH */
	__u32 pad;
};

#define HF_CTL_DEFAULT                                                         \
	0xffffffffU /* overflow: as tcp_abort_on_overflow says                 \
		     */

struct hf_ctl_reply {
	__u32 version;
	__s32 error;    /* 0 or an errno value */
	char text[248]; /* what failed and what to do; NUL-terminated */
};

/*
 * Whoever writes to the channel holds a copy of the connection's descriptor
 * until sendmsg(2) has returned. An application that closes its own copy
 * before that would not close the connection: no FIN, and epoll(7) would go
 * on reporting it. So a message has the number of its writer and a ticket,
 * and hf_accept() returns when released[writer], in a page that all share,
 * has reached the ticket: usually it has before the message is read.
 *
 * The page is a sealed memfd, the third descriptor of LISTEN.
 */
enum hf_writer {
	HF_WRITER_NONE, /* nothing to wait for */
	HF_WRITER_DAEMON,
	HF_WRITER_LIBRARY,
	HF_WRITERS,
};

struct hf_channel_page {
	__u32 released[HF_WRITERS]; /* modulo 2^32 */
};

/* Has the writer closed its copy? */
static inline int hf_channel_is_released(const struct hf_channel_page *page,
					 __u32 writer, __u32 ticket)
{
	return (__s32)(__atomic_load_n(
			   &page->released[writer], __ATOMIC_ACQUIRE) -
		       ticket) >= 0;
}

/* One connection: the payload that goes with its descriptor. */
struct hf_child_msg {
	union {
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} peer; /* sin_family says which; of the listener's family */
	/*
	 * What hf_accept() has to make of SO_LINGER. Linux resets what waits
	 * in the accept queue of a listener that closes. Whoever pushes may
	 * have the same for connections that are in the channel: switch
	 * SO_LINGER on with no time, and tell here what it was.
	 */
	__s32 linger; /* 0: leave it, -1: switch it off, n: on, n seconds */
	__u32 writer; /* enum hf_writer */
	__u32 ticket;
};
_Static_assert(sizeof(struct hf_child_msg) == 40, "hf_child_msg");

#endif
