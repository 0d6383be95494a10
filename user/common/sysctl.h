/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sysctls that rule a TCP listener, as this thread's network namespace
 * has them (/proc/sys/net shows those of the thread that opens the file), and
 * the two sums that Linux does with them when it makes a SYN-ACK: the window
 * and its scale.
 *
 * Follows Linux 6.1 to 6.18: include/net/tcp.h, net/ipv4/tcp_output.c,
 * Documentation/networking/ip-sysctl.rst.
 */
#ifndef HF_SYSCTL_H
#define HF_SYSCTL_H

#include <stdbool.h>
#include <stddef.h>

#include "handfast/abi.h"

/*
 * hf_sysctl_values - the numbers of one sysctl.
 *
 * `name` is a path below /proc/sys, "net/ipv4/tcp_rmem". Returns 0 or a
 * negative errno, not logged: -ENOENT where this kernel (or IPv6 switched
 * off) has no such file, -EPROTO where it does not hold n numbers.
 */
int hf_sysctl_values(const char *name, long *values, size_t n);

/*
 * hf_sysctl_read - those members of *config that are sysctls:
 * max_syn_backlog, synack_retries, somaxconn, invalid_ratelimit, timestamps,
 * sack, window_scaling, abort_on_overflow, auto_flowlabels, syncookies. The
 * others stay as they are. Returns 0 or a negative errno, logged; *config is
 * untouched then. A namespace without IPv6 has auto_flowlabels 0, a kernel
 * without SYN cookies syncookies 0.
 */
int hf_sysctl_read(struct hf_config *config);

/* net.ipv4.ip_default_ttl; 64 if it cannot be read. */
__u8 hf_sysctl_ttl(void);

/* net.ipv6.conf.IFNAME.hop_limit; 64 if the device has no IPv6. */
__u8 hf_sysctl_hop_limit(const char *ifname);

/* What the receive window of a new connection is computed from. */
struct hf_rcvbuf {
	__u32 rmem_default;  /* tcp_rmem[1]: SO_RCVBUF unless it was set */
	__u32 rmem_max;      /* tcp_rmem[2] */
	__u32 core_max;      /* net.core.rmem_max */
	__s32 adv_win_scale; /* tcp_adv_win_scale: before 6.6 */
	__u32 scaling_ratio; /* window : buffer in 1/256, since 6.6; else 0 */
};

/*
 * hf_rcvbuf_read - reads or measures them.
 *
 * The ratio cannot be read; it is measured on a socket of this thread's
 * namespace (0.29 in 6.6, 0.5 later, and distributions backport).
 * net.core.rmem_max cannot be read in other namespaces than the first one on
 * older kernels; it is measured then too. Returns 0 or a negative errno,
 * logged; *rcvbuf is untouched then.
 */
int hf_rcvbuf_read(struct hf_rcvbuf *rcvbuf);

/*
 * hf_rcv_space - tcp_full_space() of a new socket: bytes of window that
 * `size` bytes of receive buffer (the value that getsockopt(SO_RCVBUF)
 * gives, or rmem_default) are good for.
 */
__u32 hf_rcv_space(const struct hf_rcvbuf *rcvbuf, __u32 size);

/*
 * hf_rcv_wscale - the scale that tcp_select_initial_window() would choose
 * for a listener whose hf_rcv_space() is `space`. `locked`: its SO_RCVBUF was
 * set, which bounds the window for good.
 */
__u8 hf_rcv_wscale(const struct hf_rcvbuf *rcvbuf, __u32 space, bool locked);

#endif
