// SPDX-License-Identifier: BSD-2-Clause
/*
 * The SYN-ACK timer: reqsk_timer_handler(). A request gets its SYN-ACK again
 * after 1 s, 2 s, 4 s, ... tcp_synack_retries times, fewer while the
 * listener's half-open queue is over half full. Complete requests (ACKED) are
 * not exempt: their ACK may have died in a full ring or with a daemon, and
 * the client's answer to the SYN-ACK brings it back.
 *
 * A table that retransmits is a reflector. A budget per source prefix (/24,
 * /64) and second limits it.
 */
#include <string.h>

#include "daemon/device.h"
#include "daemon/frame.h"
#include "daemon/listener.h"
#include "daemon/sockdiag.h"

#define TIMEOUT_MAX_NS (120 * NSEC_PER_SEC) /* TCP_RTO_MAX */
#define PREFIX_SLOTS 4096U
#define SILENT_MS 100U

/* Half-open requests of a listener that were never retransmitted. */
struct listener_young {
	uint32_t total;
	uint32_t young;
};

struct timer_visit {
	struct request_batch *batch;
	uint64_t now;
	struct listener_young *count; /* of the last visit */
	struct listener_young *counting;
};

/*
 * SYN-ACKs sent to the prefixes that share a slot, this second. Two prefixes
 * on one slot share a budget: that errs on the safe side.
 */
static uint32_t prefix_sent[PREFIX_SLOTS];
static uint64_t prefix_second;

static uint32_t prefix_slot(const struct hf_tuple *t)
{
	size_t from = tuple_is_ipv4(t) ? 12 : 0;
	size_t to = tuple_is_ipv4(t) ? 15 : 8;
	uint64_t hash = hfd.epoch_ns | 1; /* not to be aimed at */

	for (size_t i = from; i < to; i++)
		hash = (hash ^ t->raddr.b[i]) * 0x100000001b3ULL;
	return (uint32_t)(hash >> 32) % PREFIX_SLOTS;
}

static bool prefix_allows(const struct hf_tuple *t, uint64_t now)
{
	uint32_t *sent = &prefix_sent[prefix_slot(t)];

	if (now / NSEC_PER_SEC != prefix_second) {
		prefix_second = now / NSEC_PER_SEC;
		memset(prefix_sent, 0, sizeof(prefix_sent));
	}
	if (hfd.config.synack_budget && *sent >= hfd.config.synack_budget) {
		DAEMON_COUNT(synack_budget_spent);
		return false;
	}
	(*sent)++;
	return true;
}

/* The retransmissions that are allowed, as reqsk_timer_handler() has it. */
static uint32_t retries_allowed(const struct listener *l,
				const struct listener_young *n)
{
	uint32_t thresh = hfd.config.synack_retries;
	uint32_t least = l->mem->backlog > 8 ? l->mem->backlog : 8;
	uint32_t young = n->young * 2;

	if (n->total * 2 <= least)
		return thresh;
	while (thresh > 2 && n->total >= young) {
		thresh--;
		young *= 2;
	}
	return thresh;
}

/* Sends it by the owner's ring; true if it is on its way. */
static bool synack_resend(const struct hf_tuple *key,
			  const struct hf_request *req, uint64_t now,
			  uint32_t *tsval)
{
	struct worker *w = device_worker(req->ifindex, req->queue);
	uint8_t frame[FRAME_WRITTEN_MAX];
	size_t len;

	/* A cookie's SYN-ACK is gone for good; its TSval carried bits. */
	*tsval = (uint32_t)(now / NSEC_PER_MSEC) + req->ts_off;
	if (!w || !prefix_allows(key, now))
		return false;
	len = frame_synack(frame, key, req, *tsval);
	if (!worker_post(w, LETTER_SEND, frame, (uint32_t)len))
		return false;
	DAEMON_COUNT(synack_retrans);
	return true;
}

static void request_drop(struct timer_visit *v, const struct hf_tuple *key,
			 const struct hf_request *req)
{
	struct hf_request_op *op = request_batch_add(v->batch, HF_OP_DROP, key);

	op->req.word = req->word;
	DAEMON_COUNT(requests_expired);
}

static void request_resend(struct timer_visit *v, const struct hf_tuple *key,
			   const struct hf_request *req)
{
	uint64_t timeout = NSEC_PER_SEC << (req->num_timeout + 1);
	struct hf_request_op *op;
	uint32_t tsval;
	bool sent = synack_resend(key, req, v->now, &tsval);

	op = request_batch_add(v->batch, HF_OP_RESENT, key);
	op->req.word = req->word;
	op->req.timer_ns =
	    v->now + (timeout > TIMEOUT_MAX_NS ? TIMEOUT_MAX_NS : timeout);
	if (sent) {
		op->req.synack_ns = v->now;
		op->req.tsval_last = tsval;
	}
}

/*
 * Delivery KERNEL: its connection was made, and the client has been silent
 * since, or XDP would have ended the request. Clients that stay silent would
 * fill the table otherwise.
 */
static bool request_is_made(const struct hf_tuple *key,
			    const struct hf_request *req,
			    const struct listener *l, uint64_t now)
{
	uint32_t silent_ms = (uint32_t)(now / NSEC_PER_MSEC) - req->assigned_ms;

	return l->mem->delivery == HF_DELIVERY_KERNEL && req->assigned_ms &&
	       req->word.state == HF_REQUEST_ACKED && silent_ms >= SILENT_MS &&
	       sockdiag_find(key, l->mem->ifindex) == 0;
}

static void timer_visit(const struct hf_tuple *key,
			const struct hf_request *req, void *arg)
{
	struct timer_visit *v = arg;
	struct listener *l = listener_of(req);

	if (!l) {
		if (!hfd.grace_until_ns)
			request_drop(v, key, req);
		return;
	}
	if (req->word.state == HF_REQUEST_SYN_RECV) {
		v->counting[l->index].total++;
		v->counting[l->index].young += !req->num_timeout;
	}
	if (request_is_made(key, req, l, v->now)) {
		request_batch_add(v->batch, HF_OP_DROP, key)->req.word =
		    req->word;
		return;
	}
	if (v->now < req->timer_ns)
		return;
	if (req->num_timeout >= retries_allowed(l, &v->count[l->index]))
		request_drop(v, key, req);
	else
		request_resend(v, key, req);
}

void timer_run(struct request_batch *batch, uint64_t now)
{
	/* Two sets: the counts of the visit before decide in this one. */
	static struct listener_young counts[2][HF_LISTENERS_MAX];
	static int turn;
	struct timer_visit v = {
	    .batch = batch,
	    .now = now,
	    .count = counts[turn],
	    .counting = counts[!turn],
	};

	if (!hfd.fills->half_open && !hfd.fills->acked)
		return;
	memset(v.counting, 0, sizeof(counts[0]));
	request_each(timer_visit, &v);
	request_batch_run(batch);
	turn = !turn;
}
