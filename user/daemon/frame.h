/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames: reading those that come from the ring, writing those of a request. */
#ifndef HF_FRAME_H
#define HF_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handfast/abi.h"

/* Ethernet, two tags, IPv6, TCP with the options of a SYN-ACK. */
#define FRAME_WRITTEN_MAX (14 + 8 + 40 + 40)

/* What the worker has to know of a segment. */
struct frame_info {
	struct hf_tuple tuple; /* scope: 0, the caller knows the device */
	uint32_t payload;      /* bytes */
	bool bare_ack;         /* ACK alone: no data, no other flag */
};

/* False: not TCP over IP, which XDP never redirects. */
bool frame_read(const uint8_t *frame, size_t len, struct frame_info *info);

/* Writes the request's SYN-ACK, as XDP does; returns its length. */
size_t frame_synack(uint8_t frame[FRAME_WRITTEN_MAX],
		    const struct hf_tuple *tuple, const struct hf_request *req,
		    uint32_t tsval);
/* Writes the client's bare ACK of it, which did not come first. */
size_t frame_ack(uint8_t frame[FRAME_WRITTEN_MAX], const struct hf_tuple *tuple,
		 const struct hf_request *req);

static inline bool tuple_is_ipv4(const struct hf_tuple *t)
{
	static const uint8_t mapped[12] = {
	    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return !__builtin_memcmp(t->laddr.b, mapped, 12);
}

#endif
