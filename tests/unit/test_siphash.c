// SPDX-License-Identifier: BSD-2-Clause
/* SipHash-2-4 against the vectors of its authors, and the flow hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "handfast/cookie.h"

#define BYTES_MAX 56

/*
 * From vectors.h of the reference implementation (github.com/veorq/SipHash):
 * key 00 01 .. 0f, message 00 01 .. of so many bytes. 14 and 38 are what the
 * flow hash has.
 */
static const struct {
	unsigned int bytes;
	uint8_t hash[8];
} vectors[] = {
    {0, {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}},
    {7, {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab}},
    {8, {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93}},
    {14, {0xee, 0xf2, 0x7a, 0x8e, 0x90, 0xca, 0x23, 0xf7}},
    {16, {0xdb, 0x9b, 0xc2, 0x57, 0x7f, 0xcc, 0x2a, 0x3f}},
    {24, {0x94, 0xaf, 0x49, 0xf6, 0xc6, 0x50, 0xad, 0xb8}},
    {32, {0xce, 0x7c, 0xf2, 0x72, 0x2f, 0x51, 0x27, 0x71}},
    {38, {0x4d, 0x0c, 0xf4, 0x9e, 0xe5, 0xd4, 0xdc, 0xca}},
    {40, {0xd0, 0xa7, 0x04, 0x53, 0x6b, 0xa9, 0x3e, 0x0e}},
    {48, {0x51, 0xa9, 0xcb, 0x9e, 0xcb, 0xa3, 0x12, 0xe6}},
    {56, {0xbd, 0x83, 0x8d, 0x3a, 0xaf, 0xbf, 0x8d, 0xb7}},
};

static uint64_t little_endian(const uint8_t *p)
{
	uint64_t x = 0;

	for (int i = 7; i >= 0; i--)
		x = x << 8 | p[i];
	return x;
}

static uint64_t siphash_counting(unsigned int bytes)
{
	uint8_t key[16], message[BYTES_MAX + 8] = {};
	struct hf_siphash s;
	__u64 words[2];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (size_t i = 0; i < bytes; i++)
		message[i] = (uint8_t)i;
	words[0] = little_endian(key);
	words[1] = little_endian(key + 8);
	hf_siphash_init(&s, words);
	for (unsigned int i = 0; i < bytes / 8; i++)
		hf_siphash_word(&s, little_endian(message + i * 8));
	return hf_siphash_final(
	    &s, little_endian(message + bytes / 8 * 8), bytes);
}

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_true(siphash_counting(vectors[i].bytes) ==
			    little_endian(vectors[i].hash));
}

static void test_rotation(void **state)
{
	(void)state;
	assert_true(hf_rotl64(1, 13) == 1ULL << 13);
	assert_true(hf_rotl64(1ULL << 63, 1) == 1);
	assert_true(hf_rotl64(0x0123456789abcdefULL, 32) ==
		    0x89abcdef01234567ULL);
}

static const __u64 flow_key[2] = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

static struct hf_tuple tuple_counting(void)
{
	struct hf_tuple t = {.rport = 0x1234, .lport = 443};

	for (int i = 0; i < 16; i++) {
		t.raddr.b[i] = (uint8_t)(0x20 + i);
		t.laddr.b[i] = (uint8_t)(0x80 + i);
	}
	return t;
}

/* Whatever tells two flows apart has to be in the hash. */
static void test_flow_hash_covers_tuple(void **state)
{
	struct hf_tuple base = tuple_counting(), t;
	uint64_t hash = hf_flow_hash(&base, true, flow_key, 0);

	(void)state;
	for (int bit = 0; bit < 128; bit++) {
		t = base;
		t.raddr.b[bit / 8] ^= 1 << bit % 8;
		assert_true(hf_flow_hash(&t, true, flow_key, 0) != hash);
		t = base;
		t.laddr.b[bit / 8] ^= 1 << bit % 8;
		assert_true(hf_flow_hash(&t, true, flow_key, 0) != hash);
	}
	for (int bit = 0; bit < 16; bit++) {
		t = base;
		t.rport ^= 1 << bit;
		assert_true(hf_flow_hash(&t, true, flow_key, 0) != hash);
		t = base;
		t.lport ^= 1 << bit;
		assert_true(hf_flow_hash(&t, true, flow_key, 0) != hash);
	}
	for (int bit = 0; bit < 16; bit++)
		assert_true(hf_flow_hash(&base, true, flow_key, 1U << bit) !=
			    hash);
	assert_true(hf_flow_hash(&base, false, flow_key, 0) != hash);
}

static void test_flow_hash_ipv4(void **state)
{
	struct hf_tuple base = tuple_counting(), t;
	uint64_t hash;

	(void)state;
	/* As the parser writes IPv4 addresses. */
	memset(base.raddr.b, 0, 10);
	memset(base.laddr.b, 0, 10);
	memset(base.raddr.b + 10, 0xff, 2);
	memset(base.laddr.b + 10, 0xff, 2);
	hash = hf_flow_hash(&base, false, flow_key, 0);
	for (int bit = 96; bit < 128; bit++) {
		t = base;
		t.raddr.b[bit / 8] ^= 1 << bit % 8;
		assert_true(hf_flow_hash(&t, false, flow_key, 0) != hash);
		t = base;
		t.laddr.b[bit / 8] ^= 1 << bit % 8;
		assert_true(hf_flow_hash(&t, false, flow_key, 0) != hash);
	}
	t = base;
	t.raddr = base.laddr;
	t.laddr = base.raddr;
	assert_true(hf_flow_hash(&t, false, flow_key, 0) != hash);
}

static void test_flow_hash_is_keyed(void **state)
{
	struct hf_tuple t = tuple_counting();
	__u64 key[2];

	(void)state;
	for (int bit = 0; bit < 128; bit++) {
		memcpy(key, flow_key, sizeof(key));
		key[bit / 64] ^= 1ULL << bit % 64;
		assert_true(hf_flow_hash(&t, false, key, 0) !=
			    hf_flow_hash(&t, false, flow_key, 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_rotation),
	    cmocka_unit_test(test_flow_hash_covers_tuple),
	    cmocka_unit_test(test_flow_hash_ipv4),
	    cmocka_unit_test(test_flow_hash_is_keyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
