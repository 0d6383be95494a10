/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The life of a request in syn_table. All changes of its state are here: the
 * compare-and-swap, the fills, the filter.
 */
#ifndef HF_BPF_REQUEST_H
#define HF_BPF_REQUEST_H

#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC 1000000000ULL
/* TCP_TIMEOUT_INIT; with 5 retries a request lives 63 s. */
#define SYNACK_TIMEOUT_NS NSEC_PER_SEC
/* XDP forgets a request after this, should the daemon's timer be dead. */
#define REQUEST_LIFE_NS (130 * NSEC_PER_SEC)

union request_word {
	struct hf_request_word word;
	__u64 bits;
};

static __always_inline __u64 word_bits(enum hf_request_state state,
				       __u32 generation)
{
	union request_word w = {
	    .word = {.state = state, .generation = generation},
	};

	return w.bits;
}

/* The word of the same request, once its handshake is complete. */
static __always_inline __u64 word_acked(__u64 bits)
{
	union request_word w = {.bits = bits};

	return word_bits(HF_REQUEST_ACKED, w.word.generation);
}

static __always_inline bool request_cas(struct hf_request *req, __u64 from,
					__u64 to)
{
	return __sync_val_compare_and_swap((__u64 *)&req->word, from, to) ==
	       from;
}

static __always_inline __u64 request_word_read(struct hf_request *req)
{
	return *(volatile __u64 *)&req->word;
}

/*
 * The filter's slot for a flow. Neither end must be able to aim at a slot, so
 * the seed is secret; one multiplication is enough for that here, as a hit
 * costs only a look-up in syn_table.
 */
static __always_inline __u32 filter_slot(const struct hf_tuple *t, __u64 seed)
{
	const __u32 *r = (const __u32 *)t->raddr.b;
	__u64 x = (__u64)r[3] << 32 | (__u32)t->rport << 16 | t->lport;

	if (r[0]) /* not IPv4 */
		x +=
		    ((__u64)r[0] << 32 | (r[1] + r[2])) * 0x9e3779b97f4a7c15ULL;
	x = (x ^ seed) * 0xff51afd7ed558ccdULL;
	x = (x ^ x >> 32) * 0xc4ceb9fe1a85ec53ULL;
	return x >> 45 & (HF_FILTER_SLOTS - 1);
}

/* The word of a flow's counter; *shift: where in it. */
static __always_inline __u32 *filter_word(const struct hf_tuple *t,
					  __u32 *shift)
{
	struct hf_filter *filter = map_one(&syn_filter);
	struct hf_keys *k = map_one(&keys);
	__u32 slot;

	if (!filter || !k)
		return NULL;
	slot = filter_slot(t, k->filter);
	*shift = slot % HF_FILTER_WORD_SLOTS * 4;
	return &filter->word[slot / HF_FILTER_WORD_SLOTS];
}

static __always_inline void filter_add(const struct hf_tuple *t, __u32 n)
{
	__u32 shift = 0;
	__u32 *word = filter_word(t, &shift);

	if (word)
		__sync_fetch_and_add(word, n << shift);
}

static __always_inline bool filter_hit(const struct hf_tuple *t)
{
	__u32 shift = 0;
	__u32 *word = filter_word(t, &shift);

	return word && (*word >> shift & 0xf);
}

static __always_inline void fill_half_open(int n)
{
	struct hf_fills *f = map_one(&fills);

	if (f)
		__sync_fetch_and_add(&f->half_open, n);
}

static __always_inline void synq_add(struct hf_listener *l, int n)
{
	__sync_fetch_and_add(&l->synq_len, n);
}

static __always_inline void fill_acked(int n)
{
	struct hf_fills *f = map_one(&fills);

	if (f)
		__sync_fetch_and_add(&f->acked, n);
}

/* The listener that a request belongs to, NULL if it is gone. */
static __always_inline struct hf_listener *
request_listener(const struct hf_request *req)
{
	__u32 index = req->listener;
	struct hf_listener *l = bpf_map_lookup_elem(&listen_table, &index);

	if (!l || l->generation != req->listener_generation)
		return NULL;
	return l;
}

/*
 * Puts a new request into the table. The filter goes first: a request that
 * the filter denied would not be found. Returns 0 or a negative errno.
 * The copy of the key is for Linux 6.1, where a function that is verified by
 * itself may not use memory that it was given as a key.
 */
static __always_inline int request_insert(const struct hf_tuple *t,
					  const struct hf_request *req,
					  struct hf_listener *l)
{
	struct hf_tuple key = *t;
	int err;

	filter_add(t, 1);
	err = bpf_map_update_elem(&syn_table, &key, req, BPF_NOEXIST);
	if (err) {
		filter_add(t, (__u32)-1);
		return err;
	}
	if (req->word.state == HF_REQUEST_ACKED) {
		fill_acked(1);
	} else {
		fill_half_open(1);
		synq_add(l, 1);
	}
	return 0;
}

/*
 * Ends a request whose word is `bits`: whoever wins the compare-and-swap
 * deletes it and settles the counts. `keep_place`: the accept queue's place
 * goes on to a child. False: it changed meanwhile, nothing was done.
 *
 * If the listener is gone, l is slot 0, which is nobody's, and stays as it is:
 * without CAP_PERFMON, which the daemon does not have, Linux 6.1 follows both
 * ways of an `if (l)` behind a NULL that it knows of, as a processor might,
 * and refuses what it finds there.
 */
__noinline int request_end(const struct hf_tuple *t, struct hf_request *req,
			   __u64 bits, bool keep_place)
{
	union request_word w = {.bits = bits};
	struct hf_listener *l;
	struct hf_tuple key;
	__u32 none = 0;
	bool gone;

	if (!t || !req)
		return false;
	/* DEAD: its end is somebody else's, who settles the counts. */
	if (w.word.state != HF_REQUEST_SYN_RECV &&
	    w.word.state != HF_REQUEST_ACKED)
		return false;
	l = request_listener(req);
	gone = !l;
	if (gone)
		l = bpf_map_lookup_elem(&listen_table, &none);
	if (!l)
		return false;
	if (!request_cas(
		req, bits, word_bits(HF_REQUEST_DEAD, w.word.generation)))
		return false;
	if (w.word.state == HF_REQUEST_ACKED) {
		fill_acked(-1);
		if (!gone && !keep_place)
			acceptq_give(l);
		/* Or clang adds to l at an offset that depends on the way
		 * here: not for Linux 6.1 either. */
		barrier();
	} else {
		fill_half_open(-1);
		if (!gone)
			synq_add(l, -1);
	}
	key = *t; /* as in request_insert() */
	bpf_map_delete_elem(&syn_table, &key);
	filter_add(t, (__u32)-1);
	return true;
}

/* SYN_RECV to ACKED; the caller took the place in the accept queue. */
static __always_inline bool request_ack(struct hf_request *req, __u64 bits,
					struct hf_listener *l)
{
	union request_word w = {.bits = bits};

	if (!request_cas(
		req, bits, word_bits(HF_REQUEST_ACKED, w.word.generation)))
		return false;
	fill_half_open(-1);
	synq_add(l, -1);
	fill_acked(1);
	return true;
}

#endif
