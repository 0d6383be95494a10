// SPDX-License-Identifier: BSD-2-Clause
/*
 * A round: what waits in the ring and the letter box is sorted by flow, the
 * requests are read in one system call, complete ones become children,
 * their data is injected, the children are queued, the requests deleted. In
 * that order: a request may go only when its child has its place, and until
 * it goes XDP keeps every segment of the flow away from a half-made socket.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/child.h"
#include "daemon/device.h"
#include "daemon/frame.h"
#include "daemon/listener.h"
#include "daemon/sockdiag.h"
#include "daemon/worker.h"

#define ROUND_PACKETS 64U /* at most HF_OPS_MAX: one flow each */
#define LETTERS_MAX 4096U
#define FLOW_SLOTS 256U
#define POLL_MS 1000

_Static_assert(ROUND_PACKETS <= HF_OPS_MAX, "a GET for every flow");

struct packet {
	struct xsk_frame frame;
	struct letter *letter; /* the frame lies in it, else in the ring */
	struct frame_info info;
	uint32_t next; /* of the same flow, ROUND_PACKETS: last */
};

struct flow {
	struct hf_tuple tuple;
	struct hf_request req;
	struct listener *listener;
	struct waiting child;
	uint32_t first; /* packets in order of arrival */
	uint32_t last;
	bool built;
	bool queued;
	bool assigned; /* the kernel has made it */
};

struct round {
	struct worker *w;
	struct packet packets[ROUND_PACKETS];
	uint32_t packet_count;
	struct flow flows[ROUND_PACKETS];
	uint32_t flow_count;
	uint8_t slots[FLOW_SLOTS]; /* flow + 1 */
	/* What the second look into the ring brought, for the next round. */
	struct packet later[ROUND_PACKETS];
	uint32_t later_count;
};

/* ---------------------------------------------------------------- sorting */

static uint32_t flow_slot(const struct hf_tuple *t)
{
	uint32_t addr;

	memcpy(&addr, t->raddr.b + 12, sizeof(addr));
	addr = (addr ^ (uint32_t)t->rport << 16 ^ t->lport) * 0x9e3779b1U;
	return addr >> 24;
}

static struct flow *flow_find(struct round *r, const struct hf_tuple *t,
			      uint32_t *slot)
{
	uint32_t i = flow_slot(t);

	for (; r->slots[i]; i = (i + 1) % FLOW_SLOTS) {
		struct flow *flow = &r->flows[r->slots[i] - 1];

		if (!memcmp(&flow->tuple, t, sizeof(*t)))
			return flow;
	}
	*slot = i;
	return NULL;
}

static void flow_add_packet(struct round *r, uint32_t n)
{
	struct packet *packet = &r->packets[n];
	struct flow *flow;
	uint32_t slot;

	packet->next = ROUND_PACKETS;
	flow = flow_find(r, &packet->info.tuple, &slot);
	if (flow) {
		r->packets[flow->last].next = n;
		flow->last = n;
		return;
	}
	flow = &r->flows[r->flow_count++];
	memset(flow, 0, sizeof(*flow));
	flow->tuple = packet->info.tuple;
	flow->first = flow->last = n;
	r->slots[slot] = (uint8_t)r->flow_count;
}

static void packet_free(struct round *r, struct packet *packet)
{
	if (packet->letter)
		free(packet->letter);
	else
		xsk_give_back(&r->w->xsk, &packet->frame, 1);
}

/* Reads a frame's headers; false: not TCP, the packet is gone. */
static bool packet_read(struct round *r, struct packet *packet)
{
	struct hf_tuple *t = &packet->info.tuple;

	if (!frame_read(packet->frame.data, packet->frame.len, &packet->info)) {
		packet_free(r, packet);
		return false;
	}
	if (t->laddr.b[0] == 0xfe && (t->laddr.b[1] & 0xc0) == 0x80)
		t->scope = r->w->device->ifindex;
	return true;
}

static void take_letters(struct round *r)
{
	struct worker *w = r->w;
	bool sent = false;

	pthread_mutex_lock(&w->mutex);
	while (!STAILQ_EMPTY(&w->letters) && r->packet_count < ROUND_PACKETS) {
		struct letter *letter = STAILQ_FIRST(&w->letters);
		struct packet *packet = &r->packets[r->packet_count];

		STAILQ_REMOVE_HEAD(&w->letters, link);
		w->letter_count--;
		if (letter->kind == LETTER_SEND) {
			sent |= xsk_send(&w->xsk, letter->data, letter->len);
			free(letter);
			continue;
		}
		memset(packet, 0, sizeof(*packet));
		packet->letter = letter;
		packet->frame.data = letter->data;
		packet->frame.len = letter->len;
		if (packet_read(r, packet))
			r->packet_count++;
	}
	pthread_mutex_unlock(&w->mutex);
	if (sent)
		xsk_kick(&w->xsk);
}

static uint32_t take_ring(struct round *r, struct packet *packets, uint32_t n)
{
	struct xsk_frame frames[ROUND_PACKETS];
	uint32_t have = xsk_receive(&r->w->xsk, frames, n);
	uint32_t count = 0;

	for (uint32_t i = 0; i < have; i++) {
		struct packet *packet = &packets[count];

		memset(packet, 0, sizeof(*packet));
		packet->frame = frames[i];
		if (packet_read(r, packet))
			count++;
	}
	return count;
}

static void round_collect(struct round *r)
{
	r->packet_count = r->later_count;
	memcpy(r->packets, r->later, r->later_count * sizeof(r->later[0]));
	r->later_count = 0;
	if (r->w->letter_count)
		take_letters(r);
	r->packet_count += take_ring(
	    r, &r->packets[r->packet_count], ROUND_PACKETS - r->packet_count);
	r->flow_count = 0;
	if (!r->packet_count)
		return;
	memset(r->slots, 0, sizeof(r->slots));
	for (uint32_t i = 0; i < r->packet_count; i++)
		flow_add_packet(r, i);
}

/* --------------------------------------------------------------- children */

static void inject(struct round *r, const struct packet *packet)
{
	inject_frame(
	    &r->w->device->inject, packet->frame.data, packet->frame.len);
}

/* The packets of a flow that its socket has to see: all but the bare ACK
 * that completed the handshake, which the socket was built from. */
static void inject_flow(struct round *r, const struct flow *flow)
{
	for (uint32_t i = flow->first; i < ROUND_PACKETS;
	     i = r->packets[i].next) {
		const struct packet *packet = &r->packets[i];

		if (flow->built && i == flow->first && packet->info.bare_ack)
			continue;
		inject(r, packet);
	}
}

/* True: the flow is another worker's, and that has its packets now. */
static bool flow_hand_over(struct round *r, const struct flow *flow)
{
	struct worker *owner =
	    device_worker(flow->req.ifindex, flow->req.queue);

	if (!owner || owner == r->w)
		return false;
	for (uint32_t i = flow->first; i < ROUND_PACKETS;
	     i = r->packets[i].next) {
		const struct packet *packet = &r->packets[i];

		if (worker_post(owner, LETTER_FRAME, packet->frame.data,
				packet->frame.len))
			DAEMON_COUNT(handed_over);
	}
	return true;
}

/* Errors that pass: the request stays, its timer brings the client back. */
static bool error_is_temporary(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM ||
	       err == -ENOBUFS;
}

static void flow_build(struct round *r, struct flow *flow)
{
	struct hf_request_op *op;
	int err;

	flow->listener = listener_of(&flow->req);
	if (!flow->listener) {
		inject_flow(r, flow); /* the kernel resets it */
		return;
	}
	err =
	    child_build(&flow->tuple, &flow->req, flow->listener, &flow->child);
	flow->built = !err;
	if (!err)
		return;
	hf_debug("a child could not be built: %s", strerror(-err));
	if (error_is_temporary(err))
		return;
	op = request_batch_add(&r->w->batch, HF_OP_DROP, &flow->tuple);
	op->req.word = flow->req.word;
}

/* The kernel takes the ISNs from the segment that makes the connection: where a
 * later one came first, the bare ACK before it. */
static void inject_ack(struct round *r, const struct flow *flow)
{
	uint8_t frame[FRAME_WRITTEN_MAX];

	inject_frame(&r->w->device->inject, frame,
		     frame_ack(frame, &flow->tuple, &flow->req));
}

/*
 * Delivery KERNEL: the program behind the injection gives it to the listening
 * socket. The request ends once the connection is there; where the kernel did
 * not make it, the client's next segment tries again.
 */
static bool flow_is_assigned(struct round *r, struct flow *flow)
{
	const struct listener *l = listener_of(&flow->req);

	if (!l || l->mem->delivery != HF_DELIVERY_KERNEL)
		return false;
	if (flow->req.flags & HF_REQUEST_BLOCKED && !flow->req.assigned_ms &&
	    sockdiag_destroy(&flow->tuple, l->mem->ifindex) == 0)
		DAEMON_COUNT(destroyed);
	if (flow->req.flags & HF_REQUEST_AHEAD && !flow->req.assigned_ms)
		inject_ack(r, flow);
	inject_flow(r, flow);
	flow->assigned = sockdiag_find(&flow->tuple, l->mem->ifindex) == 0;
	return true;
}

static void flow_decide(struct round *r, struct flow *flow, int result)
{
	if (result || flow->req.word.state == HF_REQUEST_DEAD)
		inject_flow(r, flow);
	else if (flow->req.word.state == HF_REQUEST_ACKED &&
		 !flow_hand_over(r, flow) && !flow_is_assigned(r, flow))
		flow_build(r, flow);
}

static void round_read_requests(struct round *r)
{
	const struct hf_request_op *op = r->w->batch.op;
	int results[ROUND_PACKETS];
	int err;

	for (uint32_t i = 0; i < r->flow_count; i++)
		request_batch_add(&r->w->batch, HF_OP_GET, &r->flows[i].tuple);
	err = request_batch_run(&r->w->batch);
	if (err)
		hf_error("cannot read requests: %s", strerror(-err));
	for (uint32_t i = 0; i < r->flow_count; i++) {
		results[i] = err ? err : op[i].result;
		r->flows[i].req = op[i].req;
	}
	for (uint32_t i = 0; i < r->flow_count; i++)
		flow_decide(r, &r->flows[i], results[i]);
}

/*
 * What came while the children were built. In native mode it can be injected
 * now, behind what was injected before; in skb mode XDP would see it again.
 */
static void round_look_again(struct round *r)
{
	uint32_t n = take_ring(r, r->later, ROUND_PACKETS);
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct packet *packet = &r->later[i];
		uint32_t slot;
		struct flow *flow = flow_find(r, &packet->info.tuple, &slot);

		if (flow && (flow->built || flow->assigned) &&
		    r->w->device->inject.redirected) {
			inject(r, packet);
			packet_free(r, packet);
		} else {
			r->later[kept++] = *packet;
		}
	}
	r->later_count = kept;
}

static void round_queue(struct round *r)
{
	struct waiting children[ROUND_PACKETS];

	for (uint32_t i = 0; i < r->flow_count; i++) {
		struct listener *l = r->flows[i].listener;
		uint32_t n = 0;

		if (!r->flows[i].built || r->flows[i].queued)
			continue;
		for (uint32_t k = i; k < r->flow_count; k++) {
			struct flow *flow = &r->flows[k];

			if (!flow->built || flow->listener != l)
				continue;
			children[n++] = flow->child;
			flow->queued = true;
		}
		if (!acceptq_push(l, children, n))
			continue;
		while (n)
			close(children[--n].fd);
	}
}

static void round_finish_requests(struct round *r)
{
	for (uint32_t i = 0; i < r->flow_count; i++) {
		struct hf_request_op *op;

		if (!r->flows[i].built && !r->flows[i].assigned)
			continue;
		op = request_batch_add(
		    &r->w->batch, HF_OP_FINISH, &r->flows[i].tuple);
		op->req.word = r->flows[i].req.word;
	}
	request_batch_run(&r->w->batch);
}

static void round_inject(struct round *r)
{
	for (uint32_t i = 0; i < r->flow_count; i++)
		if (r->flows[i].built)
			inject_flow(r, &r->flows[i]);
}

/* Returns how many packets there were. */
static uint32_t round_run(struct round *r)
{
	bool redirected = r->w->device->inject.redirected;

	round_collect(r);
	if (!r->packet_count)
		return 0;
	pthread_rwlock_rdlock(&hfd.lock);
	round_read_requests(r);
	if (redirected)
		round_inject(r);
	round_look_again(r);
	round_queue(r);
	round_finish_requests(r);
	pthread_rwlock_unlock(&hfd.lock);
	if (!redirected)
		round_inject(r);
	for (uint32_t i = 0; i < r->packet_count; i++)
		packet_free(r, &r->packets[i]);
	return r->packet_count;
}

/* ----------------------------------------------------------------- thread */

static void worker_sleep(struct worker *w)
{
	struct pollfd fds[2] = {
	    {.fd = w->xsk.fd, .events = POLLIN},
	    {.fd = w->wake_fd, .events = POLLIN},
	};
	eventfd_t n;

	poll(fds, 2, POLL_MS);
	if (fds[1].revents & POLLIN)
		eventfd_read(w->wake_fd, &n);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct round *r = calloc(1, sizeof(*r));

	if (!r) {
		hf_error("worker of queue %u: no memory", w->queue);
		return NULL;
	}
	r->w = w;
	/* A stop waits for what is in the ring. */
	for (;;) {
		if (round_run(r) || w->letter_count)
			continue;
		if (w->stop)
			break;
		worker_sleep(w);
	}
	free(r);
	return NULL;
}

static int worker_thread_start(struct worker *w)
{
	sigset_t all, old;
	int err;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->running = !err;
	return -err;
}

/* Slots of request_batches in use; 0 is the main thread's, which alone starts
 * and stops workers. */
static bool batch_used[HF_BATCHES_MAX] = {true};

static int worker_batch_init(struct worker *w)
{
	for (uint32_t i = 0; i < HF_BATCHES_MAX; i++) {
		if (batch_used[i])
			continue;
		batch_used[i] = true;
		return request_batch_init(&w->batch, i);
	}
	hf_error("more than %u queues", HF_BATCHES_MAX - 1);
	return -ENOSPC;
}

int worker_start(struct worker *w, struct device *device, uint32_t queue)
{
	int err;

	w->device = device;
	w->queue = queue;
	w->wake_fd = -1;
	pthread_mutex_init(&w->mutex, NULL);
	STAILQ_INIT(&w->letters);
	err = worker_batch_init(w);
	if (err)
		return err;
	err = xsk_open(&w->xsk, device->name, queue, device->skb);
	if (err) {
		hf_error("cannot open an AF_XDP ring on queue %u of %s: %s",
			 queue, device->name, strerror(-err));
		worker_stop(w);
		return err;
	}
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = w->wake_fd < 0 ? -errno : worker_thread_start(w);
	if (err)
		worker_stop(w);
	return err;
}

void worker_stop(struct worker *w)
{
	struct letter *letter;

	w->stop = true;
	if (w->running) {
		eventfd_write(w->wake_fd, 1);
		pthread_join(w->thread, NULL);
	}
	w->running = false;
	while ((letter = STAILQ_FIRST(&w->letters))) {
		STAILQ_REMOVE_HEAD(&w->letters, link);
		free(letter);
	}
	xsk_close(&w->xsk);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	w->wake_fd = -1;
	batch_used[w->batch.slot] = false;
	w->batch.slot = 0;
	batch_used[0] = true;
}

bool worker_post(struct worker *w, enum letter_kind kind, const uint8_t *data,
		 uint32_t len)
{
	struct letter *letter = malloc(sizeof(*letter) + len);
	bool room;

	if (!letter)
		return false;
	letter->kind = kind;
	letter->len = len;
	memcpy(letter->data, data, len);
	pthread_mutex_lock(&w->mutex);
	room = w->letter_count < LETTERS_MAX;
	if (room) {
		STAILQ_INSERT_TAIL(&w->letters, letter, link);
		w->letter_count++;
	}
	pthread_mutex_unlock(&w->mutex);
	if (!room)
		free(letter);
	else
		eventfd_write(w->wake_fd, 1);
	return room;
}
