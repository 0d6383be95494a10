// SPDX-License-Identifier: BSD-2-Clause
/* SYN cookies: what goes in comes out, and nothing else is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "handfast/cookie.h"
#include "random.h"

#define MAX_AGE 120000U /* ms, two epochs */
#define IRS 0x89abcdefU

static struct hf_keys test_keys(void)
{
	struct hf_keys k = {
	    .cookie = {{0x1111111122222222ULL, 0x3333333344444444ULL},
		       {0x5555555566666666ULL, 0x7777777788888888ULL}},
	    .epoch = 6,
	};

	return k;
}

static struct hf_tuple test_tuple(void)
{
	struct hf_tuple t = {
	    .raddr = {{0x20, 1, 0x0d, 0xb8, [10] = 0xff, 0xff, 192, 0, 2, 7}},
	    .laddr = {{0xfd, 9, [10] = 0xff, 0xff, 10, 9, 0, 1}},
	    .rport = 40000,
	    .lport = 443,
	};

	return t;
}

/* A cookie, and all that it was made from. */
struct made {
	struct hf_tuple t;
	struct hf_keys k;
	struct hf_cookie c;
	bool ipv6;
	uint32_t irs, iss;
	uint32_t clock; /* when the SYN-ACK was made */
	uint32_t tsval; /* of the SYN-ACK */
};

static struct made make_from(struct hf_cookie c, bool ipv6, uint32_t clock)
{
	struct made m = {
	    .t = test_tuple(),
	    .k = test_keys(),
	    .c = c,
	    .ipv6 = ipv6,
	    .irs = IRS,
	    .clock = clock,
	    .tsval = clock,
	};

	m.iss = hf_cookie_make(&m.t, ipv6, &m.k, m.irs, &m.c, &m.tsval);
	return m;
}

static struct made make(bool ipv6, bool tstamp)
{
	struct hf_cookie c = {
	    .mss = ipv6 ? 1440 : 1460,
	    .wscale = 7,
	    .sack = true,
	    .tstamp = tstamp,
	};

	return make_from(c, ipv6, 5000000);
}

/* The ACK, `later` milliseconds after. */
static bool check(const struct made *m, uint32_t later, struct hf_cookie *c)
{
	memset(c, 0xee, sizeof(*c));
	return hf_cookie_check(&m->t, m->ipv6, &m->k, m->irs, m->iss,
			       m->c.tstamp, m->tsval, c) &&
	       (!m->c.tstamp ||
		hf_cookie_is_fresh(
		    m->tsval, m->clock + (uint32_t)c->flow + later, MAX_AGE));
}

static bool accepted(const struct made *m)
{
	struct hf_cookie c;

	return check(m, 100, &c);
}

static void round_trip(struct hf_cookie in, bool ipv6, uint32_t epoch)
{
	struct made m = make_from(in, ipv6, 77777);
	struct hf_cookie out;

	m.k.epoch = epoch;
	m.tsval = m.clock;
	m.iss = hf_cookie_make(&m.t, ipv6, &m.k, m.irs, &in, &m.tsval);
	/* The epoch after does not change what the cookie says. */
	m.k.epoch++;
	assert_true(check(&m, 1, &out));
	assert_int_equal(out.mss, in.mss);
	assert_int_equal(out.wscale, in.wscale);
	assert_int_equal(out.sack, in.sack);
	assert_int_equal(out.tstamp, in.tstamp);
	assert_true(out.flow == in.flow);
}

static void test_round_trip(void **state)
{
	(void)state;
	for (int bits = 0; bits < 8 * 16 * 2 * 2 * 2 * 2; bits++) {
		bool ipv6 = bits >> 9 & 1;
		uint8_t scale = bits >> 3 & 15;
		struct hf_cookie c = {
		    .mss = hf_cookie_mss(bits & 7, ipv6),
		    .wscale = scale,
		    .sack = bits >> 7 & 1,
		    .tstamp = bits >> 8 & 1,
		};

		if (scale == HF_COOKIE_WSCALE_NONE)
			c.wscale = HF_WSCALE_NONE;
		round_trip(c, ipv6, bits >> 10 & 1);
	}
}

/* The greatest value of the table that is not above the client's. */
static uint16_t mss_naive(uint16_t mss, bool ipv6)
{
	static const uint16_t table[2][8] = {
	    {536, 1200, 1360, 1400, 1440, 1452, 1460, 8960},
	    {1220, 1280, 1340, 1360, 1380, 1420, 1440, 8940},
	};
	uint16_t best = table[ipv6][0];

	for (int i = 0; i < 8; i++)
		if (table[ipv6][i] <= mss && table[ipv6][i] > best)
			best = table[ipv6][i];
	return best;
}

static void test_mss_rounds_down(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++)
		for (uint32_t mss = 0; mss <= 0xffff; mss++)
			assert_int_equal(
			    hf_cookie_mss(hf_cookie_mss_index(mss, ipv6), ipv6),
			    mss_naive(mss, ipv6));
}

/* The same cookie for another ISN of the client: ours grows with it. */
static void test_isn_is_added(void **state)
{
	struct made m = make(false, false);
	uint32_t tsval = m.clock;
	struct hf_cookie c = m.c;

	(void)state;
	for (uint32_t step = 1; step; step <<= 1)
		assert_int_equal(
		    hf_cookie_make(&m.t, false, &m.k, IRS + step, &c, &tsval),
		    m.iss + step);
}

static void test_every_bit_of_isn(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		struct made m = make(form & 1, form & 2);

		assert_true(accepted(&m));
		for (int bit = 0; bit < 32; bit++) {
			m.iss ^= 1U << bit;
			assert_false(accepted(&m));
			m.iss ^= 1U << bit;
			m.irs ^= 1U << bit;
			assert_false(accepted(&m));
			m.irs ^= 1U << bit;
		}
	}
}

static void test_other_tuple(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		struct made m = make(form & 1, form & 2);
		int first = m.ipv6 ? 0 : 96;

		for (int bit = first; bit < 128; bit++) {
			m.t.raddr.b[bit / 8] ^= 1 << bit % 8;
			assert_false(accepted(&m));
			m.t.raddr.b[bit / 8] ^= 1 << bit % 8;
			m.t.laddr.b[bit / 8] ^= 1 << bit % 8;
			assert_false(accepted(&m));
			m.t.laddr.b[bit / 8] ^= 1 << bit % 8;
		}
		m.t.rport++;
		assert_false(accepted(&m));
		m.t.rport--;
		m.t.lport++;
		assert_false(accepted(&m));
		m.t.lport--;
		assert_true(accepted(&m));
	}
}

static void test_key_gone(void **state)
{
	struct made m = make(false, true);

	(void)state;
	/* The other key may change, its own may not. */
	m.k.cookie[1][0]++;
	assert_true(accepted(&m));
	m.k.cookie[0][1]++;
	assert_false(accepted(&m));
}

/* Timestamps offered and withheld, or made up. */
static void test_timestamp_option_changed(void **state)
{
	struct made m = make(false, true);

	(void)state;
	m.c.tstamp = false;
	assert_false(accepted(&m));
	m = make(false, false);
	m.c.tstamp = true;
	assert_false(accepted(&m));
}

static void test_tsecr_bits(void **state)
{
	struct made m = make(true, true);

	(void)state;
	for (int bit = 0; bit < HF_COOKIE_TS_BITS; bit++) {
		m.tsval ^= 1U << bit;
		assert_false(accepted(&m));
		m.tsval ^= 1U << bit;
	}
	assert_true(accepted(&m));
}

static void test_tsecr_age(void **state)
{
	struct made m = make(false, true);
	struct hf_cookie c;

	(void)state;
	assert_true(check(&m, 0, &c));
	assert_true(check(&m, MAX_AGE, &c));
	assert_false(check(&m, MAX_AGE + 2 * 1024 + 1, &c));
	/* From the future: whole steps keep the MAC bits right. */
	m.tsval += 8 * 1024;
	assert_false(check(&m, 0, &c));
	m.tsval -= 200 * 1024;
	assert_false(check(&m, 0, &c));
}

/* PAWS: a SYN-ACK's TSval must not be above any later one, nor far back. */
static void test_tsval_not_ahead(void **state)
{
	static const uint32_t starts[] = {
	    0, 5000, 0x7ffffc00, 0x80000000, 0xfffff000};
	uint32_t behind;

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		for (uint32_t ms = 0; ms < 5000; ms++) {
			struct hf_cookie c = {.mss = 1460, .tstamp = true};
			struct made m = make_from(c, false, starts[i] + ms);

			behind = m.clock + (uint32_t)m.c.flow - m.tsval;
			assert_true(behind < 2 * 1024);
			assert_true(accepted(&m));
		}
}

/* A retransmitted SYN: the ISN is the same, TSval does not go back. */
static void test_tsval_grows(void **state)
{
	struct hf_cookie c = {.mss = 1460, .tstamp = true};
	struct made first = make_from(c, false, 0xffffff00), later;

	(void)state;
	for (uint32_t ms = 0; ms < 10000; ms++) {
		later = make_from(c, false, 0xffffff00 + ms);
		assert_int_equal(later.iss, first.iss);
		assert_true((int32_t)(later.tsval - first.tsval) >= 0);
		first = later;
	}
}

/* The essay says 1 in 2^23: a guess has the MAC's bits against it. */
static void test_odds(void **state)
{
	struct made m = make(false, false);
	uint64_t seed = 5;
	int hits = 0;

	(void)state;
	for (int i = 0; i < 1 << 21; i++) {
		m.irs = (uint32_t)random_next(&seed);
		m.iss = (uint32_t)random_next(&seed);
		hits += accepted(&m);
	}
	/* 0.25 expected. */
	assert_true(hits <= 4);
}

/* Each bit of MAC and offset is a coin: of many flows half have it set. */
static void test_mac_bits_even(void **state)
{
	struct made m = make(false, true);
	int set[32] = {0}, ts_set[32] = {0};

	(void)state;
	for (int i = 0; i < 4096; i++) {
		uint32_t cookie;

		m.t.rport = (uint16_t)i;
		m.tsval = m.clock;
		cookie = hf_cookie_make(&m.t, false, &m.k, 0, &m.c, &m.tsval);
		for (int bit = HF_COOKIE_MAC_SHIFT; bit < 32; bit++)
			set[bit] += cookie >> bit & 1;
		for (int bit = 0; bit < 32; bit++)
			ts_set[bit] += m.tsval >> bit & 1;
	}
	/* 2048, and six times the standard deviation of 32. */
	for (int bit = HF_COOKIE_MAC_SHIFT; bit < 32; bit++)
		assert_in_range(set[bit], 2048 - 192, 2048 + 192);
	for (int bit = 0; bit < 32; bit++)
		assert_in_range(ts_set[bit], 2048 - 192, 2048 + 192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_mss_rounds_down),
	    cmocka_unit_test(test_isn_is_added),
	    cmocka_unit_test(test_every_bit_of_isn),
	    cmocka_unit_test(test_other_tuple),
	    cmocka_unit_test(test_key_gone),
	    cmocka_unit_test(test_timestamp_option_changed),
	    cmocka_unit_test(test_tsecr_bits),
	    cmocka_unit_test(test_tsecr_age),
	    cmocka_unit_test(test_tsval_not_ahead),
	    cmocka_unit_test(test_tsval_grows),
	    cmocka_unit_test(test_odds),
	    cmocka_unit_test(test_mac_bits_even),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
