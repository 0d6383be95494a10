// SPDX-License-Identifier: BSD-2-Clause
/* Sequence numbers, with the wrap at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handfast/seq.h"

/* Where the wrap, the sign bit or nothing at all is near. */
static const uint32_t bases[] = {
    0, 1, 1000, 0x7ffffff0, 0x80000000, 0xffff0000, 0xfffffff0, 0xffffffff,
};
#define BASES (sizeof(bases) / sizeof(bases[0]))

static void test_before_after(void **state)
{
	static const uint32_t steps[] = {1, 2, 1000, 65535, 0x7fffffff};

	(void)state;
	for (size_t b = 0; b < BASES; b++) {
		uint32_t x = bases[b];

		assert_false(hf_seq_before(x, x));
		assert_false(hf_seq_after(x, x));
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
			uint32_t y = x + steps[i];

			assert_true(hf_seq_before(x, y));
			assert_false(hf_seq_before(y, x));
			assert_true(hf_seq_after(y, x));
			assert_false(hf_seq_after(x, y));
		}
		/* More than half the space ahead is behind. */
		assert_true(hf_seq_after(x, x + 0x80000001));
	}
}

static void test_between(void **state)
{
	(void)state;
	for (size_t b = 0; b < BASES; b++) {
		uint32_t low = bases[b], high = low + 100;

		assert_true(hf_seq_between(low, low, high));
		assert_true(hf_seq_between(high, low, high));
		assert_true(hf_seq_between(low + 50, low, high));
		assert_false(hf_seq_between(low - 1, low, high));
		assert_false(hf_seq_between(high + 1, low, high));
		assert_false(hf_seq_between(low + 0x80000000, low, high));
		assert_true(hf_seq_between(low, low, low));
		assert_false(hf_seq_between(low + 1, low, low));
	}
}

struct window_row {
	const char *what;
	int64_t seq;  /* from the window's start */
	uint32_t len; /* of the segment */
	uint32_t wnd;
	bool in;
};

/* tcp_in_window() of Linux, rule by rule. */
static const struct window_row window_rows[] = {
    {"the next byte", 0, 1, 100, true},
    {"the next byte, no data", 0, 0, 100, true},
    {"the next byte, closed window", 0, 1, 0, true},
    {"no data, closed window", 0, 0, 0, true},
    {"inside", 50, 10, 100, true},
    {"inside, no data", 50, 0, 100, true},
    {"up to the end", 90, 10, 100, true},
    {"over the end", 90, 20, 100, true},
    {"the last byte", 99, 1, 100, true},
    {"at the end, no data", 100, 0, 100, true},
    {"at the end, data", 100, 1, 100, false},
    {"behind the end", 101, 0, 100, false},
    {"far behind the end", 70000, 1, 100, false},
    {"before the start, no data", -1, 0, 100, false},
    {"before the start, reaches it", -1, 1, 100, false},
    {"before the start, goes in", -1, 2, 100, true},
    {"before the start, covers all", -10, 200, 100, true},
    {"far before the start", -70000, 1000, 100, false},
    {"half the space away", 0x80000000LL, 0, 65535, false},
};

static void test_in_window(void **state)
{
	(void)state;
	for (size_t b = 0; b < BASES; b++) {
		for (size_t i = 0;
		     i < sizeof(window_rows) / sizeof(window_rows[0]); i++) {
			const struct window_row *r = &window_rows[i];
			uint32_t seq = bases[b] + (uint32_t)r->seq;

			if (hf_seq_in_window(seq, seq + r->len, bases[b],
					     bases[b] + r->wnd) != r->in)
				fail_msg("start %#x: %s: not %s", bases[b],
					 r->what, r->in ? "in" : "out");
		}
	}
}

/* Byte by byte in 64 bits, where nothing wraps. */
static bool in_window_naive(int64_t seq, int64_t len, int64_t wnd)
{
	if (seq == 0)
		return true;
	for (int64_t x = seq; x < seq + len; x++)
		if (x >= 0 && x < wnd)
			return true;
	return len == 0 && (seq == wnd || (seq > 0 && seq < wnd));
}

static void test_in_window_naive(void **state)
{
	(void)state;
	for (size_t b = 0; b < BASES; b++)
		for (int64_t seq = -12; seq < 24; seq++)
			for (uint32_t len = 0; len < 16; len++) {
				uint32_t start = bases[b];
				uint32_t s = start + (uint32_t)seq;

				assert_int_equal(
				    hf_seq_in_window(
					s, s + len, start, start + 9),
				    in_window_naive(seq, len, 9));
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_before_after),
	    cmocka_unit_test(test_between),
	    cmocka_unit_test(test_in_window),
	    cmocka_unit_test(test_in_window_naive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
