/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What has to hold for any input. */
#define HOLDS(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, \
				__LINE__, #condition);                         \
			abort();                                               \
		}                                                              \
	} while (0)

/* The next n bytes of the input; zeroes where it ends. */
static inline void fuzz_take(const uint8_t **data, size_t *size, void *out,
			     size_t n)
{
	size_t have = *size < n ? *size : n;

	memset(out, 0, n);
	if (have)
		memcpy(out, *data, have);
	*data += have;
	*size -= have;
}

#endif
