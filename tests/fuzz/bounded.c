// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs a fuzz target on a bounded number of random inputs, the same ones each
 * time: what the unit tests do with it. `make fuzz` has libFuzzer look on.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../unit/random.h"

#define RUNS 100000
#define INPUT_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(void)
{
	uint64_t seed = 0x68616e6466617374ULL;

	for (int i = 0; i < RUNS; i++) {
		size_t size = random_next(&seed) % (INPUT_MAX + 1);
		/* On the heap: a read past the end is seen. */
		uint8_t *data = malloc(size ? size : 1);

		if (!data)
			return 1;
		random_bytes(&seed, data, size);
		LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
	printf("%d inputs\n", RUNS);
	return 0;
}
