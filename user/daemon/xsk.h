/* SPDX-License-Identifier: BSD-2-Clause */
/* The AF_XDP socket of one queue. Used by its worker alone, but for
 * xsk_drops(). */
#ifndef HF_XSK_H
#define HF_XSK_H

#include <stdbool.h>
#include <stdint.h>
#include <xdp/xsk.h>

#define XSK_FRAME_SIZE 4096U
#define XSK_RX_FRAMES 3072U /* the others are for sending */
#define XSK_FRAMES 4096U

struct xsk {
	struct xsk_socket *socket;
	struct xsk_umem *umem;
	void *area;
	int fd;
	bool zerocopy;
	bool multi_buffer; /* frames above XSK_FRAME_SIZE: Linux 6.6 */
	struct xsk_ring_cons rx;
	struct xsk_ring_cons completion;
	struct xsk_ring_prod tx;
	struct xsk_ring_prod fill;
	uint64_t tx_free[XSK_FRAMES - XSK_RX_FRAMES];
	uint32_t tx_free_count;
};

/* A received frame: in the UMEM, or a copy of one that came in parts. */
struct xsk_frame {
	uint8_t *data;
	uint32_t len;
	uint64_t addr; /* of the UMEM */
	bool copied;   /* data is malloc()ed, addr already given back */
};

struct xsk_drops {
	uint64_t rx_dropped;
	uint64_t rx_full;
	uint64_t fill_empty;
	uint64_t tx_invalid;
};

/* 0 or a negative errno; nothing is left open then. */
int xsk_open(struct xsk *xsk, const char *ifname, uint32_t queue, bool skb);
void xsk_close(struct xsk *xsk);
/* Up to n frames that wait in the ring; xsk_give_back() each later. */
uint32_t xsk_receive(struct xsk *xsk, struct xsk_frame *frames, uint32_t n);
void xsk_give_back(struct xsk *xsk, struct xsk_frame *frames, uint32_t n);
/* Queues a frame for sending; false: no room. xsk_kick() sends. */
bool xsk_send(struct xsk *xsk, const uint8_t *data, uint32_t len);
void xsk_kick(struct xsk *xsk);
/* What the kernel could not deliver, since the socket was opened. */
int xsk_drops(const struct xsk *xsk, struct xsk_drops *drops);

#endif
