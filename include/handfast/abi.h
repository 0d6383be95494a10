/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The binary interface between the BPF programs, the daemon and the CLI: the
 * keys and values of every pinned map. The maps are also what people read
 * with `bpftool map dump`, so values are in host order and named after the
 * kernel's own fields; byte order stands in the type where it is not host.
 *
 * All times are CLOCK_MONOTONIC nanoseconds (bpf_ktime_get_ns()); XDP's may be
 * a tick of the kernel (1 to 10 ms) old.
 *
 * Any change of a layout or of a meaning here raises HF_ABI_VERSION: a
 * program that finds pins of another version refuses them.
 */
#ifndef HANDFAST_ABI_H
#define HANDFAST_ABI_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define HF_ABI_VERSION 3U

#define HF_PORTS 65536U
/* Index 0 of listen_table means "no listener" and is never used. */
#define HF_LISTENERS_MAX 2048U
/* SO_REUSEPORT: sockets on one address. */
#define HF_GROUP_MAX 32U
#define HF_LISTEN_HASH_MAX 4096U
#define HF_LOCAL_ADDRS_MAX 4096U
#define HF_DEVICES_MAX 256U
#define HF_VLANS_MAX 4096U
/* One slot a (device, RX queue). */
#define HF_XSKS_MAX 1024U
/*
 * syn_table holds at most HF_SYN_TABLE_MAX requests. Half-open ones end well
 * below that (HF_HALF_OPEN_MAX in all): the rest is kept for requests whose
 * handshake is complete, so that a valid cookie always finds a place.
 */
#define HF_SYN_TABLE_MAX 65536U
#define HF_HALF_OPEN_MAX 49152U
/* Counters of the filter that stands before syn_table (a power of two, as
 * filter_slot() has it), 4 bits each: a full table takes one in nine. */
#define HF_FILTER_SLOTS 524288U
#define HF_FILTER_WORD_SLOTS 8U /* in a __u32, the lowest bits first */

#define HF_WSCALE_NONE 0xffU /* the client did not send the option */
#define HF_WSCALE_MAX 14U    /* RFC 7323, 2.3 */

/* An IPv6 address, or an IPv4 one as ::ffff:a.b.c.d; bytes as on the wire. */
struct hf_addr {
	__u8 b[16];
} __attribute__((aligned(4)));

/* A flow, seen from this host. Key of syn_table. */
struct hf_tuple {
	struct hf_addr raddr; /* the client */
	struct hf_addr laddr; /* this host */
	__u16 rport;
	__u16 lport;
	__u32 scope; /* ifindex where laddr is link-local, else 0 */
};
_Static_assert(sizeof(struct hf_tuple) == 40, "hf_tuple");

/* ------------------------------------------------------------ listeners */

enum hf_listener_state {
	HF_LISTENER_FREE,
	HF_LISTENER_LISTENING,
	HF_LISTENER_CLOSING, /* no new requests; what is ACKED is finished */
};

enum hf_cookie_mode {
	HF_COOKIES_OFF,    /* syn_table full: the SYN is dropped */
	HF_COOKIES_AUTO,   /* syn_table full: a cookie (tcp_syncookies=1) */
	HF_COOKIES_ALWAYS, /* no state before the ACK (tcp_syncookies=2) */
};

/* What a valid ACK meets when the accept queue is full. */
enum hf_overflow {
	HF_OVERFLOW_HOLD, /* the request stays, the ACK is dropped */
	HF_OVERFLOW_RST,  /* tcp_abort_on_overflow */
};

/*
 * Where connections go. ACCEPT and RELAY are the same to XDP: the daemon makes
 * the socket. KERNEL: the kernel does, and puts it into the accept queue of the
 * listening socket itself (bpf_sk_assign_tcp_reqsk(), Linux 6.9).
 */
enum hf_delivery {
	HF_DELIVERY_ACCEPT, /* an application, through libhandfast */
	HF_DELIVERY_RELAY,  /* handfast-relay */
	HF_DELIVERY_KERNEL, /* whoever calls accept(2) */
};

/*
 * Value of listen_table (array, mmapable). The daemon writes it, XDP reads
 * it; the fields after `cookie_last_ns` are the counters that both change,
 * by atomic instructions only, on cache lines of their own.
 */
struct hf_listener {
	struct hf_addr addr; /* all zero: any address of this host */
	__u16 port;
	__u8 family;      /* AF_INET or AF_INET6, the socket's */
	__u8 v6only;      /* IPV6_V6ONLY: [::] does not answer IPv4 */
	__u32 ifindex;    /* SO_BINDTODEVICE or the link-local scope, else 0 */
	__u32 generation; /* changes with every use of this slot */
	enum hf_listener_state state;
	enum hf_cookie_mode cookies;
	enum hf_overflow overflow;
	enum hf_delivery delivery;
	__u32 backlog;     /* as listen(2) got it, cut to somaxconn */
	__u32 synq_max;    /* half-open requests before cookie mode */
	__u32 rcv_space;   /* bytes: tcp_full_space() of a new child */
	__u8 rcv_wscale;   /* to advertise if the client scales */
	__u8 ttl;          /* IP_TTL / IPV6_UNICAST_HOPS; 0: the device's */
	__u8 tos;          /* IP_TOS / IPV6_TCLASS, without the ECN bits */
	__u8 defer_accept; /* TCP_DEFER_ACCEPT in SYN-ACK timeouts */
	__u16 user_mss;    /* TCP_MAXSEG, 0: not set */
	__u16 group;       /* index in reuseport_groups, 0: alone */
	__u32 pid;         /* the application */
	__u32 uid;
	char comm[16];
	__u32 pad[10];
	/* 128: changed by XDP, at most once in 2^30 ns */
	__u64
	    cookie_last_ns; /* last SYN answered by a cookie; 0: none lately */
	__u64 cookie_since_ns; /* begin of the present spell of cookie mode */
	__u64 pad2[6];
	/* 192 */
	__u32 synq_len; /* half-open requests (SYN_RECV) */
	/* ACKED requests, and children of the daemon not accepted yet; with
	 * delivery KERNEL 0. */
	__u32 acceptq_len;
	/* Delivery KERNEL: what waits in the socket's own accept queue, as XDP
	 * or the daemon saw it last. */
	__u32 acceptq_kernel;
	__u32 pad3[13];
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct hf_listener) == 256, "hf_listener");

/* Value of listener_stats (per-CPU array, same index as listen_table). */
struct hf_listener_stats {
	__u64 syn_recv;      /* SYNs for it */
	__u64 synack_state;  /* answered with a request in syn_table */
	__u64 synack_cookie; /* answered with a cookie */
	__u64 acked;         /* handshakes completed */
	__u64 acked_cookie;  /* of these, by cookie */
	__u64 dropped;       /* SYNs and ACKs not answered */
};

/*
 * Value of port_table (array by port number, host order; mmapable): the index
 * of the wildcard listener for each family, and how many listeners of this port
 * are in listen_hash (exact address or device).
 */
struct hf_port {
	__u16 any4;
	__u16 any6;
	__u16 exact;
	/* Some listener of this port sent cookies within the last two key
	 * epochs, or always does: segments of unknown flows may be cookies. XDP
	 * sets it, the daemon clears it; 0 keeps the established path short. */
	__u16 cookies;
};
_Static_assert(sizeof(struct hf_port) == 8, "hf_port");

/* Key of listen_hash; the value is a __u32 index of listen_table. */
struct hf_listen_key {
	struct hf_addr addr; /* 0.0.0.0 as ::ffff:0.0.0.0, [::] as zero */
	__u32 ifindex;
	__u16 port;
	__u16 pad;
};
_Static_assert(sizeof(struct hf_listen_key) == 24, "hf_listen_key");

/* Value of reuseport_groups (array): members by flow hash. */
struct hf_group {
	__u32 count;
	__u32 member[HF_GROUP_MAX]; /* indices of listen_table */
};

/* -------------------------------------------------------------- requests */

enum hf_request_state {
	HF_REQUEST_NONE,
	HF_REQUEST_SYN_RECV,
	HF_REQUEST_ACKED, /* handshake complete, its frames go to the daemon */
	HF_REQUEST_DEAD,  /* about to be deleted by whoever set this */
};

/*
 * State and generation change together, as one 64-bit compare-and-swap:
 * elements of syn_table are reused at once, so the one a pointer leads to may
 * be another flow's by now. The word is the last member of hf_request: when
 * the kernel fills an element, the word is written after all that it vouches
 * for.
 */
struct hf_request_word {
	enum hf_request_state state;
	__u32 generation;
} __attribute__((aligned(8)));

#define HF_REQUEST_SACK 0x01U   /* the client permits SACK and so do we */
#define HF_REQUEST_TSTAMP 0x02U /* timestamps agreed */
#define HF_REQUEST_COOKIE 0x04U /* made by a cookie: irs, mss are rebuilt */
#define HF_REQUEST_HELD 0x08U   /* acked, but the accept queue was full */
/* Delivery KERNEL, acked: to the worker in place of the listening socket. */
#define HF_REQUEST_BLOCKED 0x10U /* an old socket has its tuple */
#define HF_REQUEST_AHEAD 0x20U   /* completed by a later segment than the ACK */

/* Value of syn_table (hash, preallocated): Linux's tcp_request_sock. */
struct hf_request {
	__u64 synack_ns;   /* last SYN-ACK sent */
	__u64 timer_ns;    /* the next timeout of the SYN-ACK timer */
	__u64 expires_ns;  /* XDP ignores the request from here on */
	__u64 oow_ns;      /* last challenge ACK (rate limit) */
	__u32 irs;         /* the client's ISN */
	__u32 iss;         /* ours */
	__u32 ts_recent;   /* the client's TSval */
	__u32 ts_off;      /* our TSval = milliseconds + ts_off */
	__u32 tsval_first; /* TSval of our first and last SYN-ACK */
	__u32 tsval_last;
	__u32 snd_wnd;  /* the client's window, bytes (of the ACK: scaled) */
	__u32 ack_seq;  /* of the completing segment: its seq */
	__u32 listener; /* index in listen_table */
	__u32 listener_generation;
	__u32 ifindex;    /* where the SYN came in, and on which queue: */
	__u32 queue;      /* the worker of that queue owns the request */
	__u32 l3_ifindex; /* the VLAN device of a tagged frame, else ifindex */
	__u16 mss;        /* the client's, bytes */
	__u16 rcv_wnd;    /* window field of our SYN-ACK, bytes */
	__u16 adv_mss;    /* MSS of our SYN-ACK */
	__u16 vlan_count;
	__be16 vlan_proto[2]; /* TPID and TCI, outer first */
	__be16 vlan_tci[2];
	__u8 client_mac[6];
	__u8 local_mac[6];
	__u8 snd_wscale;  /* the client's, HF_WSCALE_NONE: not scaled */
	__u8 rcv_wscale;  /* ours */
	__u8 flags;       /* HF_REQUEST_* */
	__u8 num_timeout; /* SYN-ACK timeouts so far */
	__u8 ttl;         /* of our SYN-ACK */
	__u8 tos;
	__u16 filter_pad;
	__u32 flowlabel; /* of our SYN-ACK, IPv6, host order */
	/* Delivery KERNEL: when it was last given to the listening socket; 0:
	 * not yet. Milliseconds, modulo 2^32. */
	__u32 assigned_ms;
	struct hf_request_word word; /* last: see above */
};
_Static_assert(sizeof(struct hf_request) == 136, "hf_request");

/*
 * Requests are changed by BPF code alone. The daemon asks for a change with
 * the `request_ops` program (type syscall, BPF_PROG_TEST_RUN): it carries out
 * a batch of these, which stands in request_batches, a mmapable array that
 * only the daemon has: HF_OPS_MAX places a thread.
 */
enum hf_op {
	HF_OP_GET,    /* read the request */
	HF_OP_FINISH, /* ACKED, child queued: delete; the place stays taken */
	HF_OP_DROP,   /* any state: delete; an ACKED one gives its place back */
	HF_OP_RESENT, /* the SYN-ACK timer fired: count it, set the next one */
};

struct hf_request_op {
	struct hf_tuple key;
	struct hf_request
	    req; /* in: word (but for GET); RESENT: timer_ns,
		    synack_ns, tsval_last; out: GET: the request */
	enum hf_op op;
	__s32 result; /* out: 0, -ENOENT (gone, or another one by now) */
};

#define HF_OPS_MAX 64U
#define HF_BATCHES_MAX 129U /* worker threads and the main one */

struct hf_request_ops {
	__u32 batch; /* its ops begin at batch * HF_OPS_MAX */
	__u32 count; /* at most HF_OPS_MAX */
};

/* --------------------------------------------------------------- devices */

enum hf_xdp_mode {
	HF_XDP_DETACHED,
	HF_XDP_NATIVE,
	HF_XDP_SKB,
};

/*
 * Value of devices (hash by ifindex). `attach` writes one for its interface,
 * the daemon adds those of VLAN devices above it (mode DETACHED, `lower`
 * set) and follows MTU, address and TTL changes.
 */
struct hf_device {
	enum hf_xdp_mode mode;
	__u32 lower;     /* ifindex of the attached device below, else 0 */
	__u32 queues;    /* RX queues */
	__u32 first_xsk; /* index in xsks of queue 0 */
	__u32 mtu;
	__u16 mss4;     /* to advertise: MTU less 40 */
	__u16 mss6;     /* MTU less 60 */
	__u8 ttl;       /* ip_default_ttl */
	__u8 hop_limit; /* ipv6 hop_limit of the device */
	__u8 mac[6];
	char name[16];
	__u32 draining; /* to be detached: SYNs pass, requests are finished */
	/* AF_XDP rings that the daemon opened in zero-copy mode; the others
	 * copy. */
	__u32 zerocopy_rings;
	/* Where segments for listeners of delivery KERNEL go: one end of a
	 * veth pair, whose other end has the program that assigns them. 0:
	 * none, they go to the daemon, which injects them there. */
	__u32 deliver_ifindex;
};
_Static_assert(sizeof(struct hf_device) == 60, "hf_device");

/* Key of vlans: tags of a frame on a device; the value is the ifindex of the
 * VLAN device that gets it. VLAN 0 (priority tags) counts as untagged. */
struct hf_vlan_key {
	__u32 ifindex;
	__be16 proto[2]; /* inner: 0 where there is one tag */
	__u16 vid[2];
};

/* ---------------------------------------------------------------- config */

/* Value of config (array of one). */
struct hf_config {
	__u32 abi_version;
	__u32 half_open_max;   /* HF_HALF_OPEN_MAX or less */
	__u32 max_syn_backlog; /* net.ipv4.tcp_max_syn_backlog */
	__u32 synack_retries;  /* net.ipv4.tcp_synack_retries */
	__u32 somaxconn;
	__u32 invalid_ratelimit; /* ms, net.ipv4.tcp_invalid_ratelimit */
	__u8 timestamps;         /* net.ipv4.tcp_timestamps */
	__u8 sack;
	__u8 window_scaling;
	__u8 abort_on_overflow;
	__u8 auto_flowlabels; /* net.ipv6.auto_flowlabels */
	__u8 paused;          /* descriptors run out: SYNs are not answered */
	/* net.ipv4.tcp_syncookies. XDP's own cookies do not depend on it; but
	 * at 0 the kernel takes no connection by delivery KERNEL. */
	__u8 syncookies;
	__u8 pad;
	__u32 guard_rate;    /* unknown segments a second and CPU that switch
				the ACK-flood guard on; 0: never */
	__u32 synack_budget; /* retransmitted SYN-ACKs a second and prefix */
	__u64 key_epoch_ns;
	__u32 daemon_pid; /* the last daemon; the lock says whether it lives */
	__u32 pad2;
};

/*
 * Value of syn_filter (array of one, mmapable): how many requests fall on a
 * slot; 0 proves that there is none. Eight counters of 4 bits a word, since
 * BPF's atomic instructions take no less. One would overflow into the next at
 * 16 of at most 65,536 requests on one of 524,288 slots, chosen by a secret
 * hash: 1 in 10^22 if the table is full. Small, because the established path
 * reads it: 256 KB stay in a core's cache.
 */
struct hf_filter {
	__u32 word[HF_FILTER_SLOTS / HF_FILTER_WORD_SLOTS];
};

/* Value of fills (array of one, mmapable). */
struct hf_fills {
	__u32 half_open; /* SYN_RECV requests of all listeners */
	__u32 acked;     /* ACKED ones */
};

/*
 * Value of keys (array of one, mode 0600). Cookies of epoch e are made with
 * cookie[e & 1]; the other one is the epoch before.
 */
struct hf_keys {
	/* ISN and timestamp offset of requests made by a SYN; members of
	 * SO_REUSEPORT groups. For the life of the pins. */
	__u64 flow[2];
	__u64 cookie[2][2];
	__u64 filter; /* seed of the filter before syn_table */
	__u32 epoch;
	__u32 pad;
};

/* Value of guard (per-CPU array of one): the ACK-flood guard. */
struct hf_guard {
	__u64 seen;      /* segments that passed as established */
	__u64 window_ns; /* start of the second that is counted */
	__u64 unknown;   /* (estimated) unknown segments in it */
	__u64 until_ns;  /* every segment is looked up until then; 0: off */
};

/* ----------------------------------------------------------------- stats */

/*
 * Every reason for which a frame of a listed listener is answered, dropped
 * or given to the daemon: counter name, verdict, text. Frames that pass are
 * counted where passing is a decision.
 */
#define HF_REASONS(X)                                                          \
	X(synack_state, TX, "SYN answered, request in syn_table")              \
	X(synack_cookie, TX, "SYN answered with a SYN cookie")                 \
	X(synack_again, TX, "retransmitted SYN answered from its request")     \
	X(rst_wrong_ack, TX, "RST: ACK of something never sent")               \
	X(rst_overflow, TX, "RST: accept queue full, overflow policy rst")     \
	X(rst_syn_in_window, TX, "RST: SYN inside the window of a request")    \
	X(challenge_ack, TX, "ACK: segment outside the window of a request")   \
	X(redirect_acked, REDIRECT, "handshake complete, handed over")         \
	X(redirect_cookie, REDIRECT, "valid SYN cookie, handed over")          \
	X(redirect_flow, REDIRECT, "segment of a flow being handed over")      \
	X(drop_syn_csum, DROP, "SYN with a bad checksum")                      \
	X(drop_syn_malformed, DROP, "SYN with a malformed header or options")  \
	X(drop_syn_source, DROP,                                               \
	  "SYN from an impossible source (LAND, "                              \
	  "multicast, loopback, unspecified)")                                 \
	X(drop_syn_rate, DROP, "SYN again too soon after its SYN-ACK")         \
	X(drop_syn_acked, DROP, "SYN for a request that is complete")          \
	X(drop_syn_acceptq_full, DROP, "SYN: accept queue full")               \
	X(drop_synq_full, DROP, "SYN: half-open table full, cookies off")      \
	X(drop_syn_table_full, DROP, "SYN: syn_table full, cookies off")       \
	X(drop_paused, DROP, "SYN: the daemon runs out of descriptors")        \
	X(drop_no_answer, DROP, "SYN: no room in the frame for the SYN-ACK")   \
	X(drop_ack_csum, DROP, "segment of a request with a bad checksum")     \
	X(drop_ack_window, DROP,                                               \
	  "segment outside the window of a request, "                          \
	  "rate limit")                                                        \
	X(drop_ack_acceptq_full, DROP, "ACK: accept queue full, request held") \
	X(drop_ack_deferred, DROP, "ACK without data, TCP_DEFER_ACCEPT")       \
	X(drop_ack_table_full, DROP, "valid cookie, no place in syn_table")    \
	X(drop_no_ack, DROP, "segment of a request without ACK")               \
	X(drop_race, DROP, "the request changed meanwhile")                    \
	X(drop_rst, DROP, "RST: the request goes")                             \
	X(drop_no_worker, DROP, "segment of a request while no daemon runs")   \
	X(drop_ack_unknown, DROP, "ACK flood: no such connection")             \
	X(pass_no_worker, PASS, "SYN while no daemon runs: kernel listener")   \
	X(pass_tcp_auth, PASS, "SYN with MD5 or AO: kernel listener")          \
	X(pass_closing, PASS, "segment for a listener that closes")            \
	X(pass_known, PASS,                                                    \
	  "an existing connection's segment; its bogus "                       \
	  "request goes")                                                      \
	X(pass_cookie_bad, PASS, "unknown segment, cookie not valid")          \
	X(pass_expired, PASS, "segment of a request past its time")            \
	X(pass_delivery, PASS,                                                 \
	  "SYN that delivery kernel cannot take: kernel listener")             \
	X(pass_delivered, PASS,                                                \
	  "segment of a connection that the kernel has made; its "             \
	  "request goes")                                                      \
	X(drop_assign_failed, DROP,                                            \
	  "handshake complete, the kernel did not take it")                    \
	X(drop_assign_early, DROP,                                             \
	  "segment ahead of its connection: the kernel did not make it")       \
	X(request_rst, INFO, "requests ended by RST")                          \
	X(request_bogus, INFO, "requests removed for an existing connection")  \
	X(cookie_fallback, INFO,                                               \
	  "SYNs whose insert failed, answered by "                             \
	  "cookie")                                                            \
	X(assigned, INFO, "complete requests given to the kernel's listener")  \
	X(assigned_again, INFO, "and given again, as there was no connection") \
	X(guard_lookups, INFO, "ehash look-ups of the ACK-flood guard")        \
	X(guard_unknown, INFO, "of these, not found")

/* Value of stats (per-CPU array of one): one __u64 a reason. */
struct hf_stats {
#define X(name, verdict, text) __u64 name;
	HF_REASONS(X)
#undef X
};

/* Index of a counter in struct hf_stats, read as an array of __u64. */
enum hf_reason {
#define X(name, verdict, text) HF_R_##name,
	HF_REASONS(X)
#undef X
	    HF_REASON_COUNT,
};
_Static_assert(sizeof(struct hf_stats) == HF_REASON_COUNT * sizeof(__u64),
	       "hf_stats is an array of counters");

/*
 * Value of daemon_stats (array of one, mmapable): what the daemon counts,
 * kept in a map so that it can be read when the daemon is dead.
 */
#define HF_DAEMON_COUNTERS(X)                                                  \
	X(children, "children built and queued")                               \
	X(child_errors, "children that could not be built")                    \
	X(destroyed, "old sockets (TIME_WAIT) that made way for a child")      \
	X(injected, "segments given to the kernel by injection")               \
	X(inject_errors, "segments that could not be injected")                \
	X(handed_over, "frames that came on another queue than their owner's") \
	X(synack_retrans, "SYN-ACKs sent again by the timer")                  \
	X(synack_budget_spent, "SYN-ACKs not sent: budget of the prefix")      \
	X(requests_expired, "requests ended by the SYN-ACK timer")             \
	X(acceptq_reset, "children reset because their listener closed")       \
	X(ring_rx_dropped, "frames lost: AF_XDP, no descriptor (rx_dropped)")  \
	X(ring_rx_full, "frames lost: AF_XDP RX ring full")                    \
	X(ring_fill_empty, "frames lost: AF_XDP fill ring empty")              \
	X(ring_tx_invalid, "AF_XDP: invalid TX descriptors")

struct hf_daemon_stats {
#define X(name, text) __u64 name;
	HF_DAEMON_COUNTERS(X)
#undef X
};

#endif
