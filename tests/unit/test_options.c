// SPDX-License-Identifier: BSD-2-Clause
/* TCP options: what is read from a segment, what a SYN-ACK says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "handfast/options.h"
#include "random.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define BYTES(...)                                                             \
	.bytes = {__VA_ARGS__}, .len = sizeof((uint8_t[]){__VA_ARGS__})

/* -------------------------------------------------------------- SYN-ACK */

struct synack_row {
	const char *what;
	struct hf_synack_options say;
	uint8_t bytes[20];
	size_t len;
};

#define TS .tstamp = true, .tsval = 0x11223344, .tsecr = 0x55667788
#define TS_BYTES 8, 10, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88

/* Every layout of tcp_options_write() for a SYN-ACK. */
static const struct synack_row synack_rows[] = {
    {"MSS alone",
     {.mss = 1460, .wscale = HF_WSCALE_NONE},
     BYTES(2, 4, 0x05, 0xb4)},
    {"scale", {.mss = 1460, .wscale = 7}, BYTES(2, 4, 0x05, 0xb4, 1, 3, 3, 7)},
    {"scale 0 is said",
     {.mss = 1460, .wscale = 0},
     BYTES(2, 4, 0x05, 0xb4, 1, 3, 3, 0)},
    {"SACK",
     {.mss = 1220, .wscale = HF_WSCALE_NONE, .sack = true},
     BYTES(2, 4, 0x04, 0xc4, 1, 1, 4, 2)},
    {"SACK, scale",
     {.mss = 1460, .wscale = 14, .sack = true},
     BYTES(2, 4, 0x05, 0xb4, 1, 1, 4, 2, 1, 3, 3, 14)},
    {"timestamps",
     {.mss = 8960, .wscale = HF_WSCALE_NONE, TS},
     BYTES(2, 4, 0x23, 0x00, 1, 1, TS_BYTES)},
    {"timestamps, scale",
     {.mss = 1460, .wscale = 7, TS},
     BYTES(2, 4, 0x05, 0xb4, 1, 1, TS_BYTES, 1, 3, 3, 7)},
    {"timestamps, SACK",
     {.mss = 1460, .wscale = HF_WSCALE_NONE, .sack = true, TS},
     BYTES(2, 4, 0x05, 0xb4, 4, 2, TS_BYTES)},
    {"timestamps, SACK, scale",
     {.mss = 65495, .wscale = 8, .sack = true, TS},
     BYTES(2, 4, 0xff, 0xd7, 4, 2, TS_BYTES, 1, 3, 3, 8)},
};

static void test_synack(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(synack_rows); i++) {
		const struct synack_row *r = &synack_rows[i];
		__u32 w[5], words;

		memset(w, 0xee, sizeof(w));
		words = hf_synack_options_write(w, &r->say);
		if (words * 4 != r->len || memcmp(w, r->bytes, r->len))
			fail_msg("%s: other bytes", r->what);
		/* Nothing behind them is written. */
		for (__u32 j = words; j < 5; j++)
			assert_int_equal(w[j], 0xeeeeeeee);
	}
}

/* -------------------------------------------------------------- reading */

struct read_row {
	const char *what;
	uint8_t bytes[40];
	size_t len;
	struct hf_options want;
};

#define NONE .wscale = HF_WSCALE_NONE
#define NOPS8 1, 1, 1, 1, 1, 1, 1, 1

static const struct read_row read_rows[] = {
    {"no options", .len = 0, .want = {NONE}},
    {"MSS", BYTES(2, 4, 0x05, 0xb4), {NONE, .mss = 1460}},
    {"Linux",
     BYTES(2, 4, 0x05, 0xb4, 4, 2, TS_BYTES, 1, 3, 3, 7),
     {.mss = 1460, .wscale = 7, .sack_perm = true, TS}},
    {"FreeBSD",
     BYTES(2, 4, 0x05, 0xb4, 1, 3, 3, 6, 4, 2, TS_BYTES),
     {.mss = 1460, .wscale = 6, .sack_perm = true, TS}},
    {"Windows",
     BYTES(2, 4, 0x05, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2),
     {.mss = 1460, .wscale = 8, .sack_perm = true}},
    {"macOS",
     BYTES(2, 4, 0x05, 0xb4, 1, 3, 3, 6, 1, 1, TS_BYTES, 4, 2, 0, 0),
     {.mss = 1460, .wscale = 6, .sack_perm = true, TS}},
    {"timestamps alone", BYTES(1, 1, TS_BYTES), {NONE, TS}},
    {"every option unaligned",
     BYTES(4, 2, 3, 3, 5, TS_BYTES, 2, 4, 0x02, 0x18),
     {.mss = 536, .wscale = 5, .sack_perm = true, TS}},
    {"40 NOPs", BYTES(NOPS8, NOPS8, NOPS8, NOPS8, NOPS8), {NONE}},
    {"NOPs up to an option that ends the header",
     BYTES(NOPS8, NOPS8, NOPS8, NOPS8, 1, 1, 1, 1, 2, 4, 0x05, 0xb4),
     {NONE, .mss = 1460}},
    {"end of list ends it", BYTES(0, 0, 0, 0, 2, 4, 0x05, 0xb4), {NONE}},
    {"what stands before the end counts",
     BYTES(4, 2, 0, 2, 2, 4, 0x05, 0xb4),
     {NONE, .sack_perm = true}},
    {"length 0 ends the list",
     BYTES(4, 2, 3, 0, 2, 4, 0x05, 0xb4),
     {NONE, .sack_perm = true}},
    {"length 1 ends the list",
     BYTES(4, 2, 3, 1, 2, 4, 0x05, 0xb4),
     {NONE, .sack_perm = true}},
    {"an option that reaches past the header",
     BYTES(4, 2, 1, 2, 4, 0x05, 0xb4, 3),
     {NONE, .sack_perm = true, .mss = 1460}},
    {"timestamps cut off", BYTES(1, 1, 8, 10, 1, 2, 3, 4), {NONE}},
    {"a kind without its length", BYTES(1, 1, 1, 2), {NONE}},
    {"length 255", BYTES(2, 255, 0x05, 0xb4), {NONE}},
    {"MSS of length 3", BYTES(2, 3, 5, 1), {NONE}},
    {"MSS of length 6", BYTES(2, 6, 0x05, 0xb4, 0, 0, 1, 1), {NONE}},
    {"scale of length 4", BYTES(3, 4, 7, 7), {NONE}},
    {"SACK permitted of length 4", BYTES(4, 4, 0, 0), {NONE}},
    {"timestamps of length 8", BYTES(8, 8, 1, 2, 3, 4, 5, 6), {NONE}},
    {"the last of two counts",
     BYTES(2, 4, 0x02, 0x18, 2, 4, 0x05, 0xb4, 3, 3, 1, 3, 3, 2, 1, 1),
     {.mss = 1460, .wscale = 2}},
    {"MSS 0", BYTES(2, 4, 0, 0), {NONE}},
    {"MSS 65535", BYTES(2, 4, 0xff, 0xff), {NONE, .mss = 65535}},
    {"scale 0", BYTES(1, 3, 3, 0), {.wscale = 0}},
    {"scale 14", BYTES(1, 3, 3, 14), {.wscale = 14}},
    {"scale 15 counts as 14", BYTES(1, 3, 3, 15), {.wscale = 14}},
    {"scale 255 counts as 14", BYTES(1, 3, 3, 255), {.wscale = 14}},
    {"MD5", BYTES(19, 18, NOPS8, NOPS8, 1, 1), {NONE, .auth = true}},
    {"AO", BYTES(29, 4, 1, 1), {NONE, .auth = true}},
    {"AO behind an unknown option",
     BYTES(253, 6, 1, 2, 3, 4, 29, 4, 1, 1, 1, 1),
     {NONE, .auth = true}},
    {"AO behind the end of the list", BYTES(0, 1, 1, 1, 29, 4, 1, 1), {NONE}},
    {"Fast Open", BYTES(34, 2, 1, 1, 2, 4, 0x05, 0xb4), {NONE, .mss = 1460}},
    {"MPTCP", BYTES(30, 4, 0, 0x81, 2, 4, 0x05, 0xb4), {NONE, .mss = 1460}},
    {"unknown options inside a known one are not read",
     BYTES(254, 6, 2, 4, 0x05, 0xb4, 4, 2),
     {NONE, .sack_perm = true}},
};

static bool options_equal(const struct hf_options *a,
			  const struct hf_options *b)
{
	return a->mss == b->mss && a->wscale == b->wscale &&
	       a->sack_perm == b->sack_perm && a->tstamp == b->tstamp &&
	       a->auth == b->auth && a->tsval == b->tsval &&
	       a->tsecr == b->tsecr;
}

static void options_parse(const uint8_t *bytes, size_t len,
			  struct hf_options *o)
{
	uint8_t buf[HF_OPTIONS_BUF] = {0};

	if (len)
		memcpy(buf, bytes, len);
	hf_options_parse(buf, (__u32)len, o);
}

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(read_rows); i++) {
		const struct read_row *r = &read_rows[i];
		struct hf_options o;

		options_parse(r->bytes, r->len, &o);
		if (!options_equal(&o, &r->want))
			fail_msg("%s: read otherwise", r->what);
	}
}

/* The known layouts, cut off after every byte: no option is made up. */
static void test_read_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(read_rows); i++) {
		const struct read_row *r = &read_rows[i];

		for (size_t len = 0; len < r->len; len++) {
			struct hf_options o;

			options_parse(r->bytes, len, &o);
			assert_true(!o.mss || r->want.mss);
			assert_true(!o.tstamp || r->want.tstamp);
			assert_true(!o.sack_perm || r->want.sack_perm);
			assert_true(!o.auth || r->want.auth);
		}
	}
}

/* -------------------------------------------------------- known layouts */

typedef bool known_fn(const __u32 *w, struct hf_options *o);

static bool known_mss(const __u32 *w, struct hf_options *o)
{
	return hf_options_is_mss(w[0], o);
}

static const struct known_row {
	known_fn *fn;
	const char *sample; /* a row above */
} known_rows[] = {
    {hf_options_linux, "Linux"},
    {hf_options_freebsd, "FreeBSD"},
    {hf_options_windows, "Windows"},
    {hf_options_macos, "macOS"},
    {hf_options_tstamp_only, "timestamps alone"},
    {known_mss, "MSS"},
};

static const struct read_row *read_row(const char *what)
{
	for (size_t i = 0; i < ROWS(read_rows); i++)
		if (!strcmp(read_rows[i].what, what))
			return &read_rows[i];
	fail_msg("no row %s", what);
	return NULL;
}

static bool known_read(known_fn *fn, const uint8_t *bytes, size_t len,
		       struct hf_options *o)
{
	__u32 w[10];

	memcpy(w, bytes, len);
	hf_options_init(o);
	return fn(w, o);
}

static void test_known_layouts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(known_rows); i++) {
		const struct read_row *r = read_row(known_rows[i].sample);
		struct hf_options o;

		assert_true(known_read(known_rows[i].fn, r->bytes, r->len, &o));
		assert_true(options_equal(&o, &r->want));
	}
}

/* Any other bytes: refused, or read as the general parser reads them. */
static void known_layout_mutated(known_fn *fn, const struct read_row *r)
{
	struct hf_options known, general;
	uint8_t bytes[40];

	for (size_t at = 0; at < r->len; at++)
		for (int value = 0; value < 256; value++) {
			memcpy(bytes, r->bytes, r->len);
			bytes[at] = (uint8_t)value;
			options_parse(bytes, r->len, &general);
			if (known_read(fn, bytes, r->len, &known) &&
			    !options_equal(&known, &general))
				fail_msg(
				    "%s: byte %zu = %d", r->what, at, value);
		}
}

static void test_known_layouts_mutated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(known_rows); i++)
		known_layout_mutated(
		    known_rows[i].fn, read_row(known_rows[i].sample));
}

/* What we write, we read. */
static void test_synack_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(synack_rows); i++) {
		const struct synack_row *r = &synack_rows[i];
		struct hf_options o;

		options_parse(r->bytes, r->len, &o);
		assert_int_equal(o.mss, r->say.mss);
		assert_int_equal(o.wscale, r->say.wscale);
		assert_int_equal(o.sack_perm, r->say.sack);
		assert_int_equal(o.tstamp, r->say.tstamp);
		assert_int_equal(o.tsval, r->say.tsval);
		assert_int_equal(o.tsecr, r->say.tsecr);
	}
}

static void test_random_bytes(void **state)
{
	uint8_t bytes[40];
	uint64_t seed = 4;
	struct hf_options o;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		size_t len = random_next(&seed) % 41;

		random_bytes(&seed, bytes, sizeof(bytes));
		for (int j = 0; j < 6; j++)
			bytes[random_next(&seed) % 40] =
			    (uint8_t)(random_next(&seed) % 12);
		options_parse(bytes, len, &o);
		assert_true(o.wscale <= HF_WSCALE_MAX ||
			    o.wscale == HF_WSCALE_NONE);
		assert_true(o.tstamp || (!o.tsval && !o.tsecr));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_synack),
	    cmocka_unit_test(test_synack_read_back),
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_read_truncated),
	    cmocka_unit_test(test_known_layouts),
	    cmocka_unit_test(test_known_layouts_mutated),
	    cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
