// SPDX-License-Identifier: BSD-2-Clause
/* The Internet checksum against RFC 1071 taken literally. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "handfast/csum.h"
#include "random.h"

#define WORDS 380 /* 1520 bytes */

/* 16-bit words in network order, carries added back one by one. */
static uint16_t csum_naive(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2) {
		sum += p[i] << 8 | p[i + 1];
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return (uint16_t)~sum;
}

static uint16_t swapped(uint16_t x)
{
	return (uint16_t)(x << 8 | x >> 8);
}

static uint16_t csum_words(const uint32_t *w, unsigned int words)
{
	return swapped(hf_csum_fold(hf_csum_words(w, words, 0)));
}

static void test_rfc1071_example(void **state)
{
	static const uint8_t bytes[8] = {
	    0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	uint32_t w[2];

	(void)state;
	memcpy(w, bytes, sizeof(w));
	/* RFC 1071, 3: the sum is ddf2. */
	assert_int_equal(csum_words(w, 2), 0xffff & ~0xddf2);
}

/* An IPv4 header of a capture: 192.168.0.1 to 192.168.0.199, UDP. */
static void test_ipv4_header(void **state)
{
	static const uint8_t header[20] = {
	    0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
	    0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
	uint32_t w[5];

	(void)state;
	memcpy(w, header, sizeof(w));
	assert_int_equal(csum_words(w, 5), 0);
	((uint8_t *)w)[10] = 0;
	((uint8_t *)w)[11] = 0;
	assert_int_equal(csum_words(w, 5), 0xb861);
}

static void test_against_naive(void **state)
{
	uint32_t w[WORDS];
	uint64_t seed = 1;

	(void)state;
	for (unsigned int words = 0; words <= WORDS; words++) {
		random_bytes(&seed, w, sizeof(w));
		assert_int_equal(
		    csum_words(w, words), csum_naive(w, words * 4));
		memset(w, 0xff, sizeof(w));
		assert_int_equal(
		    csum_words(w, words), csum_naive(w, words * 4));
		memset(w, 0, sizeof(w));
		assert_int_equal(csum_words(w, words), 0xffff);
	}
}

/* Every carry there can be: the fold of the greatest and of odd sums. */
static void test_fold(void **state)
{
	uint64_t seed = 2;

	(void)state;
	assert_int_equal(hf_csum_fold(0), 0xffff);
	assert_int_equal(hf_csum_fold(0xffff), 0);
	assert_int_equal(hf_csum_fold(0x10000), 0xfffe);
	assert_int_equal(hf_csum_fold(~0ULL), 0);
	assert_int_equal(hf_csum_fold(0xffffffff00000001ULL), 0xfffe);
	for (int i = 0; i < 100000; i++) {
		uint64_t sum = random_next(&seed);

		/* A sum is a number modulo 65535, and not 0 unless it is. */
		assert_int_equal(
		    (uint16_t)~hf_csum_fold(sum) % 65535, sum % 65535);
		assert_int_equal(hf_csum_fold(sum) == 0xffff, sum == 0);
	}
}

/* A sum may be taken in parts, in any order. */
static void test_parts(void **state)
{
	uint32_t w[WORDS];
	uint64_t seed = 3, sum;

	(void)state;
	random_bytes(&seed, w, sizeof(w));
	for (unsigned int cut = 0; cut <= WORDS; cut += 7) {
		sum = hf_csum_words(w + cut, WORDS - cut, 0);
		sum = hf_csum_words(w, cut, sum);
		assert_int_equal(
		    swapped(hf_csum_fold(sum)), csum_naive(w, sizeof(w)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rfc1071_example),
	    cmocka_unit_test(test_ipv4_header),
	    cmocka_unit_test(test_against_naive),
	    cmocka_unit_test(test_fold),
	    cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
