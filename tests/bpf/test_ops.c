// SPDX-License-Identifier: BSD-2-Clause
/* The daemon's programs: request_ops and inject. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>

#include "bpftest.h"
#include "handfast.skel.h"

static struct scene *half_open(struct hf_tuple *key)
{
	struct scene *s = scene_init();

	scene_handshake(s, HF_R_synack_state);
	scene_tuple(s, key);
	return s;
}

static struct scene *acked(struct hf_tuple *key)
{
	struct scene *s = half_open(key);

	scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
	return s;
}

static struct hf_listener *listener(void)
{
	return &env.listener[L_ANY4];
}

static uint32_t op_count;

/* Appends to batch 0; the request as it is now goes with it. */
static struct hf_request_op *op_add(const struct hf_tuple *key, enum hf_op op)
{
	struct hf_request_op *o = &env.batch[op_count++];

	memset(o, 0, sizeof(*o));
	o->key = *key;
	o->op = op;
	o->result = 12345;
	request_get(key, &o->req);
	return o;
}

static void ops_run_batch(uint32_t batch, uint32_t count)
{
	struct hf_request_ops ctx = {.batch = batch, .count = count};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));

	assert_int_equal(
	    bpf_prog_test_run_opts(
		bpf_program__fd(env.skel->progs.request_ops), &opts),
	    0);
	assert_int_equal(opts.retval, 0);
}

static void ops_run(void)
{
	ops_run_batch(0, op_count);
	op_count = 0;
}

static void counts_are(uint32_t half, uint32_t complete, uint32_t places)
{
	assert_int_equal(env.fills->half_open, half);
	assert_int_equal(env.fills->acked, complete);
	assert_int_equal(listener()->synq_len, half);
	assert_int_equal(listener()->acceptq_len, places);
}

static void test_get(void **state)
{
	struct hf_request req;
	struct hf_request_op *op;
	struct hf_tuple key;

	(void)state;
	half_open(&key);
	request_get(&key, &req);
	op = op_add(&key, HF_OP_GET);
	memset(&op->req, 0, sizeof(op->req));
	ops_run();
	assert_int_equal(op->result, 0);
	assert_memory_equal(&op->req, &req, sizeof(req));
	counts_are(1, 0, 0);
}

static void test_not_there(void **state)
{
	struct hf_request_op *op[4];
	struct hf_tuple key;
	struct scene *s = half_open(&key);

	(void)state;
	key.rport++;
	for (int i = 0; i < 4; i++)
		op[i] = op_add(&key, (enum hf_op)i);
	ops_run();
	for (int i = 0; i < 4; i++)
		assert_int_equal(op[i]->result, -ENOENT);
	counts_are(1, 0, 0);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
}

/* The child has its place in the queue: the request's goes to it. */
static void test_finish(void **state)
{
	struct hf_request_op *op;
	struct hf_request req;
	struct hf_tuple key;
	struct scene *s = acked(&key);

	(void)state;
	counts_are(0, 1, 1);
	op = op_add(&key, HF_OP_FINISH);
	ops_run();
	assert_int_equal(op->result, 0);
	assert_false(request_get(&key, &req));
	counts_are(0, 0, 1);
	/* From now on the kernel has the flow. */
	scene_expect(s, XDP_PASS, NOTHING);
	listener()->acceptq_len--;
}

static void test_drop_acked(void **state)
{
	struct hf_request_op *op;
	struct hf_request req;
	struct hf_tuple key;
	struct scene *s = acked(&key);

	(void)state;
	op = op_add(&key, HF_OP_DROP);
	ops_run();
	assert_int_equal(op->result, 0);
	assert_false(request_get(&key, &req));
	counts_are(0, 0, 0);
	scene_expect(s, XDP_PASS, NOTHING);
}

static void test_drop_half_open(void **state)
{
	struct hf_request_op *op;
	struct hf_request req;
	struct hf_tuple key;

	(void)state;
	half_open(&key);
	op = op_add(&key, HF_OP_DROP);
	ops_run();
	assert_int_equal(op->result, 0);
	assert_false(request_get(&key, &req));
	counts_are(0, 0, 0);
}

/* Twice in one batch: the counts are settled once. */
static void test_drop_twice(void **state)
{
	struct hf_request_op *first, *second;
	struct hf_tuple key;

	(void)state;
	acked(&key);
	first = op_add(&key, HF_OP_DROP);
	second = op_add(&key, HF_OP_FINISH);
	ops_run();
	assert_int_equal(first->result, 0);
	assert_int_equal(second->result, -ENOENT);
	counts_are(0, 0, 0);
}

/* Its element is another flow's by now, or its state another one. */
static void test_stale_word(void **state)
{
	static const enum hf_op ops[] = {
	    HF_OP_FINISH, HF_OP_DROP, HF_OP_RESENT};
	struct hf_request before, after;
	struct hf_request_op *op;
	struct hf_tuple key;

	(void)state;
	acked(&key);
	request_get(&key, &before);
	for (int i = 0; i < 3; i++) {
		op = op_add(&key, ops[i]);
		op->req.word.generation++;
		ops_run();
		assert_int_equal(op->result, -ENOENT);
		op = op_add(&key, ops[i]);
		op->req.word.state = HF_REQUEST_SYN_RECV;
		ops_run();
		assert_int_equal(op->result, -ENOENT);
	}
	request_get(&key, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	counts_are(0, 1, 1);
}

/* Somebody is deleting it: his counts to settle. */
static void test_dead(void **state)
{
	struct hf_request_op *op;
	struct hf_request req;
	struct hf_tuple key;

	(void)state;
	half_open(&key);
	request_get(&key, &req);
	req.word.state = HF_REQUEST_DEAD;
	request_put(&key, &req);
	op = op_add(&key, HF_OP_DROP);
	ops_run();
	assert_int_equal(op->result, -ENOENT);
	counts_are(1, 0, 0);
	req.word.state = HF_REQUEST_SYN_RECV;
	request_put(&key, &req);
}

static void test_resent(void **state)
{
	struct hf_request before, after;
	struct hf_request_op *op;
	struct hf_tuple key;

	(void)state;
	half_open(&key);
	request_get(&key, &before);
	op = op_add(&key, HF_OP_RESENT);
	op->req.timer_ns = 111;
	op->req.synack_ns = 222;
	op->req.tsval_last = 333;
	op->req.iss = 444; /* not the timer's to change */
	ops_run();
	assert_int_equal(op->result, 0);
	request_get(&key, &after);
	before.timer_ns = 111;
	before.synack_ns = 222;
	before.tsval_last = 333;
	before.num_timeout = 1;
	assert_memory_equal(&before, &after, sizeof(before));
	counts_are(1, 0, 0);
}

/* The timer fired, but nothing was sent: the budget was spent. */
static void test_resent_unsent(void **state)
{
	struct hf_request before, after;
	struct hf_request_op *op;
	struct hf_tuple key;

	(void)state;
	half_open(&key);
	request_get(&key, &before);
	op = op_add(&key, HF_OP_RESENT);
	op->req.timer_ns = 111;
	op->req.synack_ns = 0;
	op->req.tsval_last = 333;
	ops_run();
	assert_int_equal(op->result, 0);
	request_get(&key, &after);
	before.timer_ns = 111;
	before.num_timeout = 1;
	assert_memory_equal(&before, &after, sizeof(before));
}

/* An ACK that answers the SYN-ACK of the timer. */
static void test_resent_then_ack(void **state)
{
	struct hf_request_op *op;
	struct hf_tuple key;
	struct scene *s = half_open(&key);
	uint8_t *tsecr = s->frame.options + 8;

	(void)state;
	op = op_add(&key, HF_OP_RESENT);
	op->req.timer_ns = 111;
	op->req.tsval_last += 1 << 24;
	ops_run();
	tsecr[0]++;
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
}

/* The listener's slot is another one's: its counts stay. */
static void test_listener_replaced(void **state)
{
	struct hf_request_op *op;
	struct hf_tuple key;

	(void)state;
	acked(&key);
	listener()->generation++;
	listener()->acceptq_len = 0;
	op = op_add(&key, HF_OP_DROP);
	ops_run();
	assert_int_equal(op->result, 0);
	counts_are(0, 0, 0);
}

static void test_full_batch(void **state)
{
	struct hf_request_op *op[HF_OPS_MAX];
	struct hf_tuple key;
	struct scene *s = scene_init();
	uint32_t seq = s->frame.seq;

	(void)state;
	listener()->synq_max = listener()->backlog = HF_OPS_MAX;
	for (uint32_t i = 0; i < HF_OPS_MAX; i++) {
		s->frame.sport = (uint16_t)(T_CLIENT_PORT + i);
		s->frame.seq = seq;
		s->frame.flags = TH_SYN;
		scene_handshake(s, HF_R_synack_state);
		scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
		scene_tuple(s, &key);
		op[i] = op_add(&key, HF_OP_FINISH);
	}
	counts_are(0, HF_OPS_MAX, HF_OPS_MAX);
	ops_run();
	for (uint32_t i = 0; i < HF_OPS_MAX; i++)
		assert_int_equal(op[i]->result, 0);
	counts_are(0, 0, HF_OPS_MAX);
	listener()->acceptq_len = 0;
}

/* No more than a batch has, whatever the count says. */
static void test_count_beyond(void **state)
{
	struct hf_request_op *next = &env.batch[HF_OPS_MAX];
	struct hf_tuple key;

	(void)state;
	half_open(&key);
	for (uint32_t i = 0; i <= HF_OPS_MAX; i++)
		op_add(&key, HF_OP_GET);
	op_count = 0xffffffff;
	ops_run();
	assert_int_equal(next[-1].result, 0);
	assert_int_equal(next->result, 12345);
	counts_are(1, 0, 0);
}

static void test_other_batch(void **state)
{
	uint32_t last = HF_BATCHES_MAX - 1;
	struct hf_request_op *op;
	struct hf_tuple key;

	(void)state;
	half_open(&key);
	op = &env.batch[last * HF_OPS_MAX];
	*op = *op_add(&key, HF_OP_DROP);
	ops_run_batch(last, 1);
	assert_int_equal(op->result, 0);
	/* Batch 0 was not looked at; one that is not there is nothing. */
	assert_int_equal(env.batch[0].result, 12345);
	ops_run_batch(HF_BATCHES_MAX, HF_OPS_MAX);
	op_count = 0;
	counts_are(0, 0, 0);
}

/* ----------------------------------------------------------------- inject */

static int inject_run(void)
{
	struct scene *s = scene_init();
	struct __sk_buff ctx = {.ifindex = env.ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = s->in,
		    .data_out = s->out, .data_size_out = sizeof(s->out),
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));

	s->in_len = frame_build(&s->frame, s->in, sizeof(s->in));
	opts.data_size_in = (uint32_t)s->in_len;
	if (bpf_prog_test_run_opts(
		bpf_program__fd(env.skel->progs.inject), &opts))
		fail_msg("inject: %s", strerror(errno));
	assert_int_equal(opts.data_size_out, s->in_len);
	assert_memory_equal(s->out, s->in, s->in_len);
	return (int)opts.retval;
}

static void test_inject(void **state)
{
	int map = bpf_map__fd(env.skel->maps.inject_targets);
	uint32_t from = env.ifindex, to = env.other_ifindex;

	(void)state;
	assert_int_equal(inject_run(), TC_ACT_OK);
	assert_int_equal(bpf_map_update_elem(map, &from, &to, BPF_ANY), 0);
	assert_int_equal(inject_run(), TC_ACT_REDIRECT);
	bpf_map_delete_elem(map, &from);
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_get),
	    TEST(test_not_there),
	    TEST(test_finish),
	    TEST(test_drop_acked),
	    TEST(test_drop_half_open),
	    TEST(test_drop_twice),
	    TEST(test_stale_word),
	    TEST(test_dead),
	    TEST(test_resent),
	    TEST(test_resent_unsent),
	    TEST(test_resent_then_ack),
	    TEST(test_listener_replaced),
	    TEST(test_full_batch),
	    TEST(test_count_beyond),
	    TEST(test_other_batch),
	    TEST(test_inject),
	};
	int failed;

	env_make();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	env_free();
	return failed;
}
