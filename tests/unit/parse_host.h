/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf/parse.h on the host, where sanitizers watch it. struct xdp_md has
 * pointers of 32 bits: the frame stands in memory below 2 GiB, poisoned right
 * behind its last byte.
 */
#ifndef TEST_PARSE_HOST_H
#define TEST_PARSE_HOST_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <sanitizer/asan_interface.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf_endian.h>

#include "handfast/abi.h"

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline static __attribute__((noinline))
#define IP_MF 0x2000
#define IP_OFFSET 0x1fff

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#include "../../bpf/parse.h"
#pragma GCC diagnostic pop

#define PARSE_FRAME_MAX 4096

static inline bool parse_host(const void *frame, size_t len, struct hf_pkt *pkt)
{
	static uint8_t *memory;
	struct xdp_md ctx = {};
	bool ok;

	if (!memory) {
		memory = mmap(NULL, PARSE_FRAME_MAX * 2, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		if (memory == MAP_FAILED)
			abort();
		memory += 2; /* the network header is aligned then */
	}
	memcpy(memory, frame, len);
	ASAN_POISON_MEMORY_REGION(memory + len, PARSE_FRAME_MAX - len);
	ctx.data = (__u32)(uintptr_t)memory;
	ctx.data_end = ctx.data + (__u32)len;
	memset(pkt, 0xee, sizeof(*pkt));
	ok = parse(&ctx, pkt);
	ASAN_UNPOISON_MEMORY_REGION(memory + len, PARSE_FRAME_MAX - len);
	return ok;
}

#endif
