// SPDX-License-Identifier: BSD-2-Clause
/*
 * Frames of all kinds in random order, on a few tuples, so that they meet
 * each other's requests: whatever comes, the rules that hold for every frame
 * hold. The same frames in every run.
 */
#include <linux/bpf.h>

#include "../unit/random.h"
#include "bpftest.h"

#define FRAMES 15000
#define CLIENTS 8

static uint64_t seed;

/* What each client knows of its handshake. */
static struct {
	uint32_t seq, iss, tsval;
} client[CLIENTS];

static uint32_t below(uint32_t n)
{
	return (uint32_t)(random_next(&seed) % n);
}

static bool one_in(uint32_t n)
{
	return below(n) == 0;
}

/* --------------------------------------------------------------- frames */

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - i * 8));
}

static void make_ack(struct frame *f, uint32_t c)
{
	static uint8_t data[64];

	f->flags = TH_ACK;
	f->seq = client[c].seq + 1;
	f->ack = client[c].iss + 1;
	f->options_len = 0;
	if (client[c].tsval && !one_in(6)) {
		memcpy(
		    f->options, (uint8_t[]){1, 1, 8, 10, 0, 0, 0x13, 0x89}, 8);
		put32(f->options + 8, client[c].tsval);
		f->options_len = 12;
	}
	if (one_in(3)) {
		f->payload = data;
		f->payload_len = below(sizeof(data));
	}
}

/* One field that is not as it should be; checksums are right again. */
static void spoil_field(struct frame *f)
{
	switch (below(14)) {
	case 0:
		f->flags = (uint8_t)random_next(&seed);
		break;
	case 1:
		f->seq += below(2) ? below(200000) : below(3) - 1;
		break;
	case 2:
		f->ack +=
		    below(2) ? (uint32_t)random_next(&seed) : below(3) - 1;
		break;
	case 3:
		f->doff = (int)below(16);
		break;
	case 4:
		f->ip_len = (int)below(100);
		break;
	case 5:
		f->options_len = below(41);
		random_bytes(&seed, f->options, f->options_len);
		break;
	case 6:
		f->pad_to = below(300);
		break;
	case 7:
		f->more_frags = true;
		break;
	case 8:
		f->cut_to = 14 + below(80);
		break;
	case 9:
		f->vlans = (int)below(3);
		f->vlan[0].proto = one_in(2) ? 0x8100 : 0x88a8;
		f->vlan[1].proto = 0x8100;
		f->vlan[0].tci = (uint16_t)(below(2) * T_VLAN);
		break;
	case 10:
		random_bytes(&seed, f->src, one_in(2) ? 1 : 4);
		break;
	case 11:
		f->dst[f->family == AF_INET ? 3 : 15] ^= (uint8_t)below(4);
		break;
	case 12:
		f->tcp_csum = (int)below(65536);
		break;
	default:
		f->dport = (uint16_t)(T_PORT + below(2));
		break;
	}
}

static uint32_t random_frame(struct scene *s)
{
	uint32_t c = below(CLIENTS);

	scene_init();
	if (c & 1)
		scene_ipv6(s);
	s->frame.sport = (uint16_t)(T_CLIENT_PORT + c);
	s->frame.seq = client[c].seq;
	s->queue = below(T_QUEUES);
	if (!one_in(3))
		make_ack(&s->frame, c);
	while (one_in(2))
		spoil_field(&s->frame);
	s->in_len = frame_build(&s->frame, s->in, sizeof(s->in));
	/* Bytes that nobody puts right. */
	while (one_in(5))
		s->in[below((uint32_t)s->in_len)] ^= 1 << below(8);
	s->raw = true;
	return c;
}

/* ---------------------------------------------------------------- world */

/* Now and then something else changes, too. */
static void random_world(void)
{
	struct hf_listener *l = &env.listener[1 + below(2)];

	switch (below(8)) {
	case 0:
		l->synq_max = below(4);
		break;
	case 1:
		l->cookies = (enum hf_cookie_mode)below(3);
		break;
	case 2:
		l->backlog = below(6);
		break;
	case 3:
		l->overflow = (enum hf_overflow)below(2);
		break;
	case 4:
		worker_set(below(T_QUEUES), !one_in(4));
		break;
	case 5:
		CONFIG_SET(guard_rate, below(3) * 1000);
		break;
	case 6:
		CONFIG_SET(invalid_ratelimit, below(2) * 500);
		break;
	default:
		l->state =
		    one_in(8) ? HF_LISTENER_CLOSING : HF_LISTENER_LISTENING;
		break;
	}
}

/* ---------------------------------------------------------------- rules */

static const int verdict_of[] = {
#define XDP_INFO (-1)
#define X(name, verdict, text) XDP_##verdict,
    HF_REASONS(X)
#undef X
};

/* One reason for what is not just passed on, and the verdict is its own. */
static void check_reasons(const struct scene *s)
{
	int counted = 0;

	for (int i = 0; i < HF_REASON_COUNT; i++) {
		uint64_t n = s->after[i] - s->before[i];

		if (!n || verdict_of[i] == XDP_INFO)
			continue;
		if (verdict_of[i] != s->verdict)
			fail_msg("verdict %d counted as %s", s->verdict,
				 reason_name(i));
		counted += (int)n;
	}
	assert_true(counted == 1 || (!counted && s->verdict == XDP_PASS));
}

static void check_answer(const struct scene *s)
{
	struct frame in, out;

	/* It answers a segment, to whom it came from. */
	assert_int_equal(frame_parse(&out, s->out, s->out_len), 0);
	assert_true(frame_csum_ok(&out));
	assert_memory_equal(s->out, s->in + 6, 6);
	assert_memory_equal(s->out + 6, s->in, 6);
	assert_true(s->out_len <= 14 + 8 + 40 + 40);
	assert_int_equal(out.payload_len, 0);
	assert_true(out.flags == (TH_SYN | TH_ACK) || out.flags == TH_ACK ||
		    out.flags == TH_RST || out.flags == (TH_RST | TH_ACK));
	/* No reflection of what only looks like one. */
	if (frame_parse(&in, s->in, s->in_len))
		return; /* extension headers */
	assert_true(frame_csum_ok(&in));
	assert_memory_equal(out.dst, in.src, 16);
	assert_memory_equal(out.src, in.dst, 16);
	assert_int_equal(out.dport, in.sport);
	assert_int_equal(out.sport, in.dport);
	assert_int_equal(out.vlans, in.vlans);
}

static void check_frame(const struct scene *s)
{
	check_reasons(s);
	if (s->verdict == XDP_TX) {
		check_answer(s);
		return;
	}
	if (s->reason == HF_R_drop_no_answer)
		return;
	assert_int_equal(s->out_len, s->in_len);
	assert_memory_equal(s->out, s->in, s->in_len);
}

/* The client goes on with what it was told. */
static void client_learn(const struct scene *s, uint32_t c)
{
	struct tcp_options opt;
	struct frame got;

	if (one_in(50))
		client[c].seq = (uint32_t)random_next(&seed);
	if (s->verdict != XDP_TX || frame_parse(&got, s->out, s->out_len) ||
	    got.flags != (TH_SYN | TH_ACK) || got.dport != T_CLIENT_PORT + c)
		return;
	frame_read_options(&got, &opt);
	client[c].seq = got.ack - 1;
	client[c].iss = got.seq;
	client[c].tsval = opt.timestamps ? opt.tsval : 0;
}

static void random_frames(uint64_t start)
{
	uint64_t seen[5] = {0};
	struct scene *s = scene_init();

	seed = start;
	memset(client, 0, sizeof(client));
	for (int i = 0; i < FRAMES; i++) {
		uint32_t c = random_frame(s);

		scene_run(s);
		check_frame(s);
		client_learn(s, c);
		seen[s->verdict]++;
		if (one_in(40))
			random_world();
		if (one_in(200))
			world_check();
		if (one_in(100))
			world_check_and_drain();
	}
	/* All of it happened, or the test is none. */
	assert_true(seen[XDP_TX] > FRAMES / 50);
	assert_true(seen[XDP_REDIRECT] > FRAMES / 50);
	assert_true(seen[XDP_PASS] > FRAMES / 50);
	assert_true(seen[XDP_DROP] > FRAMES / 50);
}

static void test_random(void **state)
{
	(void)state;
	random_frames(1);
}

static void test_random_cookies(void **state)
{
	(void)state;
	CONFIG_SET(half_open_max, 0);
	random_frames(2);
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_random),
	    TEST(test_random_cookies),
	};
	int failed;

	env_make();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	env_free();
	return failed;
}
