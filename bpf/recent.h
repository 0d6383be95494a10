/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What this CPU looked up within the present tick of the kernel's clock
 * (jiffy: 1 to 10 ms): the time, devices, this host's addresses. At a packet
 * a tick each is looked up anew; under a flood nearly never, which saves
 * 130 ns a packet (clock 54, hash look-ups 40 each). So a change of a device
 * or an address takes effect up to a tick later.
 */
#ifndef HF_BPF_RECENT_H
#define HF_BPF_RECENT_H

#define RECENT_DEVICES 8 /* powers of two */
#define RECENT_ADDRS 16

struct recent_device {
	__u64 tick;
	__u32 ifindex;
	struct hf_device dev;
};

struct recent_addr {
	__u64 tick;
	struct hf_addr addr;
};

struct hf_recent {
	__u64 tick;
	__u64 now;
	__u32 serial; /* requests made by this CPU in this tick */
	__u32 pad;
	struct recent_device device[RECENT_DEVICES];
	struct recent_addr addr[RECENT_ADDRS];
};
ARRAY_MAP(recent, struct hf_recent, 1, BPF_MAP_TYPE_PERCPU_ARRAY, PLAIN);

/*
 * CLOCK_MONOTONIC nanoseconds, up to a tick old. Other CPUs may be ahead by
 * as much: ns_since() takes two times of different CPUs.
 */
static __always_inline __u64 recent_now(struct hf_recent *r)
{
	__u64 tick = bpf_jiffies64();

	if (r->tick != tick) {
		r->tick = tick;
		r->now = bpf_ktime_get_ns();
		r->serial = 0;
	}
	return r->now;
}

/*
 * A clock of `shift` powers of two nanoseconds for what has to differ from
 * the flow's last request: its ISN, its generation. It advances with every
 * request too, by less than it would with the time.
 */
static __always_inline __u32 recent_unique(struct hf_recent *r, int shift)
{
	return (__u32)(r->now >> shift) + r->serial;
}

/* 0 for what another CPU's clock has as the future. */
static __always_inline __u64 ns_since(__u64 now, __u64 then)
{
	return (__s64)(now - then) > 0 ? now - then : 0;
}

/* tcp_clock_ms() with an offset (secure_tcp_ts_off()). */
static __always_inline __u32 flow_tsval(__u64 now, __u32 ts_off)
{
	return (__u32)hf_ns_to_ms(now) + ts_off;
}

/* The next two: after recent_now(), which sets the tick. */
static __always_inline const struct hf_device *
recent_device(struct hf_recent *r, __u32 ifindex)
{
	struct recent_device *d = &r->device[ifindex & (RECENT_DEVICES - 1)];
	struct hf_device *dev;

	if (d->tick == r->tick && d->ifindex == ifindex)
		return &d->dev;
	dev = bpf_map_lookup_elem(&devices, &ifindex);
	if (!dev)
		return NULL;
	d->dev = *dev;
	d->ifindex = ifindex;
	d->tick = r->tick;
	return &d->dev;
}

static __always_inline bool recent_addr_is_local(struct hf_recent *r,
						 const struct hf_addr *addr)
{
	const __u64 *a = (const __u64 *)addr->b;
	const __u32 *w = (const __u32 *)addr->b;
	__u32 hash = (w[2] ^ w[3]) * 0x9e3779b1U >> 28;
	struct recent_addr *e = &r->addr[hash & (RECENT_ADDRS - 1)];
	const __u64 *b = (const __u64 *)e->addr.b;
	struct hf_addr key;

	if (e->tick == r->tick && a[0] == b[0] && a[1] == b[1])
		return true;
	key = *addr; /* as in request_insert() */
	if (!bpf_map_lookup_elem(&local_addrs, &key))
		return false;
	e->addr = key;
	e->tick = r->tick;
	return true;
}

#endif
