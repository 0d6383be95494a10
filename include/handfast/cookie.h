/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The SYN cookie.
 *
 * Purpose. When the half-open table is full, the SYN-ACK itself has to carry
 * all that the final ACK must bring back: the client's ISN, MSS, window scale
 * and whether it permits SACK; and a proof that it was this host that sent
 * it. The ISN has 32 bits, the echoed timestamp lends some more.
 *
 *   iss = irs + cookie           (modulo 2^32)
 *
 *    31                             9   8   7   6       3   2     0
 *   +--------------------------------+---+---+-----------+---------+
 *   |      MAC, bits 0 to 22         | E | S |  wscale   |   MSS   |
 *   +--------------------------------+---+---+-----------+---------+
 *                  23                  1   1      4           3
 *
 *   E       parity of the key epoch: which of the two live keys made it
 *   S       the client permits SACK
 *   wscale  the client's scale 0 to 14, 15: not sent
 *   MSS     index in one of the tables below, rounded down
 *
 *   TSval of the SYN-ACK, if the client sends timestamps:
 *
 *    31                                       10   9            0
 *   +-------------------------------------------+----------------+
 *   |          milliseconds + offset            | MAC, 32 to 41  |
 *   +-------------------------------------------+----------------+
 *
 *   offset  MAC, 32 to 63; the connection's, for its whole life
 *
 *   MAC = SipHash-2-4(key of the epoch, addresses, ports,
 *                     low 9 bits of the cookie, timestamps or not)
 *
 * The client's ISN is added, not hashed: a client that uses a tuple again has
 * a larger ISN, and so has ours, as RFC 9293 wants it. E saves the second
 * SipHash and costs nothing: 23 bits under one key are as hard to guess as 24
 * bits that either of two keys may match.
 *
 * The offset hides the host's uptime, as a hash of the flow alone does where a
 * SYN made a request; here the MAC is at hand, and another SipHash would be a
 * fifth of what a SYN under a flood costs. So the connections that a tuple
 * has one after the other differ in their offsets. That is no harm: PAWS is
 * for synchronized connections (RFC 7323, 5.3), so nobody holds a SYN-ACK
 * against the timestamps of an earlier one.
 *
 * The TSval is rounded down to 1024 ms before the MAC bits are put in, and a
 * step is taken off if the result would lie in the future: the TSval of a
 * SYN-ACK must never be above a later one of the connection, or PAWS
 * (RFC 7323, 5) drops the server's first data.
 *
 * What an attacker can try, and what it costs:
 *
 * - Guess. He sends ACKs from addresses whose SYN-ACKs he does not see. One
 *   random ACK matches with odds of 1 in 2^23 (8.4 million; both epochs are
 *   accepted, but E tells which, so two keys do not double it). With the
 *   timestamp option in it 1 in 2^33 by the MAC alone; the echoed time must
 *   also lie within the cookie's life, under an offset of whose upper 22 bits
 *   he knows nothing: another factor of 2^22 / 121 = 35,000. But he may leave
 *   the option out, so 2^23 is the figure that counts: at 1 M ACK/s, one
 *   accepted every 8.4 s, which gives a connection that only he can talk on,
 *   blindly. Linux has 1 in 5.4e8, FreeBSD 1 in 1.7e7, with fewer options
 *   kept and more. It is refused outright while the listener is not in cookie
 *   mode, and 2 epochs after it was: so a guess needs a flood beside it.
 * - Replay. Who got a cookie can use it until its key is gone: one to two
 *   epochs (60 to 120 s by default), for the same tuple only; while the
 *   connection lives it is found in ehash first, and nothing happens.
 * - Change. The option bits are under the MAC; so is the fact that
 *   timestamps were offered.
 * - Learn. A key makes cookies for one epoch only and is derived from
 *   nothing that appears on the wire.
 */
#ifndef HANDFAST_COOKIE_H
#define HANDFAST_COOKIE_H

#include "handfast/abi.h"
#include "handfast/options.h"
#include "handfast/siphash.h"

#define HF_COOKIE_MAC_SHIFT 9
#define HF_COOKIE_EPOCH (1U << 8)
#define HF_COOKIE_SACK (1U << 7)
#define HF_COOKIE_WSCALE_SHIFT 3
#define HF_COOKIE_WSCALE_NONE 15U
#define HF_COOKIE_DATA 0x1ffU /* everything but the MAC */
#define HF_COOKIE_TS_BITS 10
#define HF_COOKIE_TS_MASK ((1U << HF_COOKIE_TS_BITS) - 1)
#define HF_COOKIE_TSTAMP (1U << 9) /* into the MAC only */
#define HF_COOKIE_CLOCK_SLACK 16   /* ms: more than a tick of the kernel */

/*
 * MSS values, rounded down. IPv4: 1460 Ethernet, 1452 PPPoE, 1440 and 1400
 * tunnels, 1360 and 1200 mobile networks and VPNs, 536 the default of
 * RFC 9293, 8960 jumbo frames. The middle values follow the frequencies that
 * FreeBSD's tcp_syncache.c cites (Alcock and Nelson, "An Analysis of TCP
 * Maximum Segment Sizes", 2010). IPv6: the same networks with a header of 40
 * bytes; 1220 is the minimum MTU's.
 */
static inline __attribute__((always_inline)) __u16 hf_cookie_mss(__u32 index,
								 bool ipv6)
{
	switch (index & 7) {
	case 0:
		return ipv6 ? 1220 : 536;
	case 1:
		return ipv6 ? 1280 : 1200;
	case 2:
		return ipv6 ? 1340 : 1360;
	case 3:
		return ipv6 ? 1360 : 1400;
	case 4:
		return ipv6 ? 1380 : 1440;
	case 5:
		return ipv6 ? 1420 : 1452;
	case 6:
		return ipv6 ? 1440 : 1460;
	default:
		return ipv6 ? 8940 : 8960;
	}
}

static inline __attribute__((always_inline)) __u32
hf_cookie_mss_index(__u16 mss, bool ipv6)
{
	__u32 index = 0;

	/* The common case first. */
	if (mss == (ipv6 ? 1440 : 1460))
		return 6;
#ifdef __clang__
#pragma clang loop unroll(full)
#endif
	for (__u32 i = 1; i < 8; i++)
		if (mss >= hf_cookie_mss(i, ipv6))
			index = i;
	return index;
}

/*
 * A flow as a message of 14 bytes, or 38 for IPv6: addresses as on the wire,
 * 6 bytes of ports and `extra`. Not padded to whole words: each word is two
 * of the rounds, and of IPv4's there are only two.
 */
static inline __attribute__((always_inline)) __u64
hf_flow_hash(const struct hf_tuple *t, bool ipv6, const __u64 key[2],
	     __u16 extra)
{
	__u64 tail = (__u64)t->rport << 32 | (__u32)t->lport << 16 | extra;
	struct hf_siphash s;
	__u32 r[4], l[4];

	__builtin_memcpy(r, t->raddr.b, 16);
	__builtin_memcpy(l, t->laddr.b, 16);
	hf_siphash_init(&s, key);
	if (!ipv6) {
		hf_siphash_word(&s, (__u64)r[3] << 32 | l[3]);
		return hf_siphash_final(&s, tail, 14);
	}
	hf_siphash_word(&s, (__u64)r[0] << 32 | r[1]);
	hf_siphash_word(&s, (__u64)r[2] << 32 | r[3]);
	hf_siphash_word(&s, (__u64)l[0] << 32 | l[1]);
	hf_siphash_word(&s, (__u64)l[2] << 32 | l[3]);
	return hf_siphash_final(&s, tail, 38);
}

/* What a cookie says about the client. */
struct hf_cookie {
	__u16 mss; /* make: the client's; check: rounded down to the table */
	__u8 wscale;
	bool sack;
	bool tstamp;
	/* Both fill it: what else the MAC decides, to be used like
	 * hf_flow_hash(). The lower half is the offset of TSval. */
	__u64 flow;
};

static inline __attribute__((always_inline)) __u64
hf_cookie_mac(const struct hf_tuple *t, bool ipv6, const struct hf_keys *keys,
	      __u32 data, bool tstamp)
{
	const __u64 *key = keys->cookie[(data & HF_COOKIE_EPOCH) ? 1 : 0];

	return hf_flow_hash(
	    t, ipv6, key, data | (tstamp ? HF_COOKIE_TSTAMP : 0));
}

/* Begins with the bits that the ISN does not have. */
static inline __attribute__((always_inline)) __u64 hf_cookie_flow(__u64 mac)
{
	return mac >> 32 | mac << 32;
}

/*
 * hf_cookie_make - our ISN and TSval for a SYN.
 *
 * irs: the client's ISN, host order. Returns the ISN; *tsval is our clock in
 * milliseconds and comes back with the offset added and the MAC bits in it,
 * not above their sum; it counts only if c->tstamp.
 */
static inline __attribute__((always_inline)) __u32
hf_cookie_make(const struct hf_tuple *t, bool ipv6, const struct hf_keys *keys,
	       __u32 irs, struct hf_cookie *c, __u32 *tsval)
{
	__u32 wscale =
	    c->wscale == HF_WSCALE_NONE ? HF_COOKIE_WSCALE_NONE : c->wscale;
	__u32 data = hf_cookie_mss_index(c->mss, ipv6) |
		     wscale << HF_COOKIE_WSCALE_SHIFT |
		     (c->sack ? HF_COOKIE_SACK : 0) |
		     ((keys->epoch & 1) ? HF_COOKIE_EPOCH : 0);
	__u64 mac = hf_cookie_mac(t, ipv6, keys, data, c->tstamp);
	__u32 now = *tsval + (__u32)hf_cookie_flow(mac);

	c->flow = hf_cookie_flow(mac);
	*tsval = (now & ~HF_COOKIE_TS_MASK) |
		 ((__u32)(mac >> 32) & HF_COOKIE_TS_MASK);
	if ((__s32)(*tsval - now) > 0)
		*tsval -= 1U << HF_COOKIE_TS_BITS;
	return irs + ((__u32)mac << HF_COOKIE_MAC_SHIFT | data);
}

/*
 * hf_cookie_check - is this ACK an answer to a cookie of ours?
 *
 * irs, iss: seq - 1 and ack - 1 of the segment. tstamp: it carries the
 * option, and tsecr echoes our TSval; hf_cookie_is_fresh() has to hold for
 * it too. Fills *c and returns true if it is.
 */
static inline __attribute__((always_inline)) bool
hf_cookie_check(const struct hf_tuple *t, bool ipv6, const struct hf_keys *keys,
		__u32 irs, __u32 iss, bool tstamp, __u32 tsecr,
		struct hf_cookie *c)
{
	__u32 cookie = iss - irs;
	__u64 mac =
	    hf_cookie_mac(t, ipv6, keys, cookie & HF_COOKIE_DATA, tstamp);
	__u32 wscale = cookie >> HF_COOKIE_WSCALE_SHIFT & 15;

	if (((__u32)mac << HF_COOKIE_MAC_SHIFT) != (cookie & ~HF_COOKIE_DATA))
		return false;
	if (tstamp && (((__u32)(mac >> 32) ^ tsecr) & HF_COOKIE_TS_MASK))
		return false;
	c->mss = hf_cookie_mss(cookie, ipv6);
	c->wscale =
	    wscale == HF_COOKIE_WSCALE_NONE ? HF_WSCALE_NONE : (__u8)wscale;
	c->sack = cookie & HF_COOKIE_SACK;
	c->tstamp = tstamp;
	c->flow = hf_cookie_flow(mac);
	return true;
}

/*
 * Does tsecr echo a TSval of the cookie's life? now: our clock plus the
 * cookie's offset; max_age: two key epochs; all in milliseconds. A TSval is at
 * most one step and a bit behind the clock; `now` may be behind the clock that
 * made it.
 */
static inline __attribute__((always_inline)) bool
hf_cookie_is_fresh(__u32 tsecr, __u32 now, __u32 max_age)
{
	return now + HF_COOKIE_CLOCK_SLACK - tsecr <=
	       max_age + 2 * (HF_COOKIE_TS_MASK + 1) + HF_COOKIE_CLOCK_SLACK;
}

#endif
