/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libhandfast: listen and accept through handfast.
 *
 * An application binds a TCP socket as ever and calls hf_listen() in place of
 * listen(2), hf_accept() in place of accept4(2). The handshake then happens
 * in XDP; what hf_accept() returns is an ordinary kernel socket.
 *
 * All functions are thread-safe. Descriptors are owned by the caller and
 * closed with close(2).
 */
#ifndef HANDFAST_H
#define HANDFAST_H

#include <stddef.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HF_API __attribute__((visibility("default")))

/* SYN cookies of a listener (ip-sysctl, tcp_syncookies). */
enum hf_cookies {
	HF_COOKIES_OPT_AUTO =
	    0,                 /* when the half-open table is full (default) */
	HF_COOKIES_OPT_OFF,    /* never: SYNs are dropped then */
	HF_COOKIES_OPT_ALWAYS, /* for every SYN */
};

/* What happens to a completed handshake when the accept queue is full. */
enum hf_overflow_opt {
	HF_OVERFLOW_OPT_SYSTEM = 0, /* as net.ipv4.tcp_abort_on_overflow says */
	HF_OVERFLOW_OPT_HOLD, /* the client's ACK is ignored and retried */
	HF_OVERFLOW_OPT_RST,  /* the client gets a RST */
};

/* Who makes the connections and holds the accept queue. */
enum hf_delivery_opt {
	/* The daemon: any kernel from 6.1 on (default). */
	HF_DELIVERY_OPT_ACCEPT = 0,
	/*
	 * The kernel (6.9 and later): hf_listen() returns the listening socket
	 * itself, and accept(2), its backlog, epoll, all of it is the kernel's.
	 * Costs less, and an application needs nothing but hf_listen(): see
	 * there what differs.
	 */
	HF_DELIVERY_OPT_KERNEL,
};

/* Options of hf_listen(). Zero it, set `size` and what differs. */
struct hf_listen_options {
	size_t size; /* sizeof(struct hf_listen_options), for later versions */
	const char *socket_path; /* control socket; NULL: $HANDFAST_SOCKET, else
				    /run/handfast/control.sock */
	enum hf_cookies cookies;
	enum hf_overflow_opt overflow;
	int relay; /* shown as delivery "relay" by `handfast listeners` */
	enum hf_delivery_opt delivery;
};

/*
 * hf_listen - listen(2) through handfast.
 *
 * bound_fd is a TCP socket (AF_INET or AF_INET6) in this network namespace,
 * usually bound; an unbound one is bound to a free port, as listen(2) does.
 * The daemon calls listen(2) on it, so it also is the kernel's listener for
 * all that XDP leaves to the kernel (loopback, other interfaces, MD5, times
 * without a daemon); what arrives there comes out of hf_accept() too. For
 * that, O_NONBLOCK is set on it. backlog is bounded by net.core.somaxconn.
 * opt may be NULL.
 *
 * Returns a descriptor (close-on-exec) that polls readable (POLLIN, level-
 * and edge-triggered) when a connection waits. Closing every copy of it ends
 * the listener, a moment later; connections that nobody accepted are reset
 * then. bound_fd stays the caller's and may be closed at once. One that is
 * kept open goes on as the kernel's own listener after the end.
 *
 * A second call with the same socket only changes backlog and options (the
 * control socket stays the first one) and returns the same descriptor, which
 * has to be open still. While the daemon is away it changes the kernel's
 * listener at once, and the daemon's when that is back.
 *
 * With HF_DELIVERY_OPT_KERNEL the descriptor returned is a duplicate of
 * bound_fd: O_NONBLOCK is whatever the caller has set, accept4(2) does as well
 * as hf_accept(), and the kernel resets what waits when the last copy of
 * either is closed. The listener ends within half a second after this process
 * has closed the returned descriptor; copies of it elsewhere, and of
 * bound_fd, then go on as the kernel's own listener. Link-local clients, those
 * behind two VLAN tags, and all while net.ipv4.tcp_syncookies is 0, are left to
 * the kernel.
 *
 * The process that called it has to live as long as the listener; children
 * made by fork(2) may call hf_accept() on the inherited descriptor, and
 * hf_listen() for listeners of their own. A thread of the library (all
 * signals blocked) registers the listener again when the daemon was
 * restarted and accepts from the kernel's listener.
 *
 * Errors: -1 and errno. listen(2)'s own (EADDRINUSE, EBADF, ENOTSOCK,
 * EOPNOTSUPP, EINVAL: connected), and EPROTONOSUPPORT: not TCP; EOPNOTSUPP:
 * delivery by the kernel on one that cannot, with tcp_syncookies off, or of a
 * socket that is bound to a device; EXDEV:
 * another network namespace than the daemon's; EADDRINUSE: another socket
 * has this address, and they do not form a SO_REUSEPORT group of one uid;
 * ENOSPC: no listener slot left; ENOENT, ECONNREFUSED: no daemon at
 * socket_path; EACCES: no right to its socket; EPROTO: the daemon is of
 * another version; ECONNRESET: it went away; ETIMEDOUT: it did not answer
 * within 10 s; EINVAL: bad options; EBADF: see above; EMFILE, ENFILE,
 * ENOMEM, EAGAIN: descriptors, memory or threads are at their limit.
 */
HF_API int hf_listen(int bound_fd, int backlog,
		     const struct hf_listen_options *opt);

/*
 * hf_listen_error - why this thread's last hf_listen() failed, and what to
 * do, in words. "" after a success. Valid until the thread calls hf_listen()
 * again.
 */
HF_API const char *hf_listen_error(void);

/*
 * hf_accept - accept4(2) for a descriptor of hf_listen().
 *
 * Blocks until a connection waits, unless fd is non-blocking (O_NONBLOCK, set
 * by fcntl(2)) or SO_RCVTIMEO is set on it. flags: SOCK_NONBLOCK and
 * SOCK_CLOEXEC for the new socket. addr and addrlen as accept4(2): the peer,
 * truncated to *addrlen, which receives the full size; both may be NULL.
 *
 * Returns the connected socket. Errors: -1 and errno, as accept4(2): EAGAIN,
 * EINTR, EMFILE, ECONNABORTED, EINVAL (bad flags or *addrlen; fd is not from
 * hf_listen(), was shut down, or the process that made it has ended), EBADF,
 * ENOTSOCK, EFAULT. EMFILE leaves the connection in the queue, but for the
 * race that another thread takes the last free descriptor during the call:
 * the connection is closed then.
 */
HF_API int hf_accept(int fd, struct sockaddr *addr, socklen_t *addrlen,
		     int flags);

/* One connection of hf_accept_batch(). */
struct hf_accepted {
	int fd;
	socklen_t addrlen;
	struct sockaddr_storage addr;
};

/*
 * hf_accept_batch - up to n connections with one system call.
 *
 * Waits for the first one as hf_accept() does, then takes what is there.
 * Returns how many out[] entries were filled (at least 1), or -1 and errno
 * as hf_accept(). n is at least 1; more than 64 counts as 64.
 */
HF_API int hf_accept_batch(int fd, struct hf_accepted *out, int n, int flags);

#ifdef __cplusplus
}
#endif

#endif
