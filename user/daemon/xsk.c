// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "common/log.h"
#include "daemon/xsk.h"

/* Linux 6.6; the headers of Debian 12 are 6.1's. */
#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)
#endif

#define XSK_AREA_SIZE ((size_t)XSK_FRAMES * XSK_FRAME_SIZE)

static int umem_open(struct xsk *xsk)
{
	const struct xsk_umem_config config = {
	    .fill_size = XSK_FRAMES,
	    .comp_size = XSK_FRAMES - XSK_RX_FRAMES,
	    .frame_size = XSK_FRAME_SIZE,
	    .frame_headroom = 0,
	};
	int err;

	xsk->area = mmap(NULL, XSK_AREA_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (xsk->area == MAP_FAILED)
		return -errno;
	err = xsk_umem__create(&xsk->umem, xsk->area, XSK_AREA_SIZE, &xsk->fill,
			       &xsk->completion, &config);
	if (err == -ENOBUFS || err == -ENOMEM)
		hf_error("no locked memory for an AF_XDP ring (16 MiB a "
			 "queue): needs CAP_IPC_LOCK or a higher 'ulimit -l'");
	return err;
}

static int socket_open(struct xsk *xsk, const char *ifname, uint32_t queue,
		       bool skb, bool multi_buffer)
{
	const struct xsk_socket_config config = {
	    .rx_size = 2048,
	    .tx_size = XSK_FRAMES - XSK_RX_FRAMES,
	    .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
	    .xdp_flags = skb ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE,
	    .bind_flags = (uint16_t)(XDP_USE_NEED_WAKEUP |
				     (multi_buffer ? XDP_USE_SG : 0)),
	};

	xsk->multi_buffer = multi_buffer;
	return xsk_socket__create(&xsk->socket, ifname, queue, xsk->umem,
				  &xsk->rx, &xsk->tx, &config);
}

static void fill_initially(struct xsk *xsk)
{
	uint32_t at;

	if (xsk_ring_prod__reserve(&xsk->fill, XSK_RX_FRAMES, &at) !=
	    XSK_RX_FRAMES)
		return;
	for (uint32_t i = 0; i < XSK_RX_FRAMES; i++)
		*xsk_ring_prod__fill_addr(&xsk->fill, at + i) =
		    (uint64_t)i * XSK_FRAME_SIZE;
	xsk_ring_prod__submit(&xsk->fill, XSK_RX_FRAMES);
	for (uint32_t i = XSK_RX_FRAMES; i < XSK_FRAMES; i++)
		xsk->tx_free[xsk->tx_free_count++] =
		    (uint64_t)i * XSK_FRAME_SIZE;
}

int xsk_open(struct xsk *xsk, const char *ifname, uint32_t queue, bool skb)
{
	struct xdp_options options = {};
	socklen_t len = sizeof(options);
	int err;

	memset(xsk, 0, sizeof(*xsk));
	err = umem_open(xsk);
	if (!err)
		err = socket_open(xsk, ifname, queue, skb, true);
	if (err == -EINVAL || err == -EOPNOTSUPP)
		err = socket_open(xsk, ifname, queue, skb, false);
	if (err) {
		xsk_close(xsk);
		return err;
	}
	xsk->fd = xsk_socket__fd(xsk->socket);
	if (!getsockopt(xsk->fd, SOL_XDP, XDP_OPTIONS, &options, &len))
		xsk->zerocopy = options.flags & XDP_OPTIONS_ZEROCOPY;
	fill_initially(xsk);
	return 0;
}

void xsk_close(struct xsk *xsk)
{
	if (xsk->socket)
		xsk_socket__delete(xsk->socket);
	if (xsk->umem)
		xsk_umem__delete(xsk->umem);
	if (xsk->area && xsk->area != MAP_FAILED)
		munmap(xsk->area, XSK_AREA_SIZE);
	memset(xsk, 0, sizeof(*xsk));
}

static void fill_again(struct xsk *xsk, uint64_t addr)
{
	uint32_t at;

	/* The fill ring has room for all frames there are. */
	if (xsk_ring_prod__reserve(&xsk->fill, 1, &at) != 1)
		return;
	*xsk_ring_prod__fill_addr(&xsk->fill, at) =
	    addr & ~(uint64_t)(XSK_FRAME_SIZE - 1);
	xsk_ring_prod__submit(&xsk->fill, 1);
}

/* A frame in several buffers: put together; they go back at once. */
static void frame_append(struct xsk *xsk, struct xsk_frame *frame,
			 const struct xdp_desc *desc)
{
	uint8_t *part = xsk_umem__get_data(xsk->area, desc->addr);
	uint8_t *data =
	    realloc(frame->copied ? frame->data : NULL, frame->len + desc->len);

	if (data) {
		if (!frame->copied)
			memcpy(data, frame->data, frame->len);
		memcpy(data + frame->len, part, desc->len);
		if (!frame->copied)
			fill_again(xsk, frame->addr);
		frame->data = data;
		frame->len += desc->len;
		frame->copied = true;
	}
	fill_again(xsk, desc->addr);
}

uint32_t xsk_receive(struct xsk *xsk, struct xsk_frame *frames, uint32_t n)
{
	uint32_t at, count = 0;
	uint32_t have = xsk_ring_cons__peek(&xsk->rx, n, &at);
	bool more = false;

	for (uint32_t i = 0; i < have || more; i++) {
		const struct xdp_desc *desc;

		/* The kernel publishes all parts of a frame together: the
		 * rest is there, behind what was asked for. */
		if (i == have) {
			uint32_t next;

			if (xsk_ring_cons__peek(&xsk->rx, 1, &next) != 1)
				break;
			have++;
		}
		desc = xsk_ring_cons__rx_desc(&xsk->rx, at + i);
		if (more) {
			frame_append(xsk, &frames[count - 1], desc);
		} else {
			frames[count].addr = desc->addr;
			frames[count].data =
			    xsk_umem__get_data(xsk->area, desc->addr);
			frames[count].len = desc->len;
			frames[count++].copied = false;
		}
		more = desc->options & XDP_PKT_CONTD;
	}
	if (have)
		xsk_ring_cons__release(&xsk->rx, have);
	return count;
}

void xsk_give_back(struct xsk *xsk, struct xsk_frame *frames, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (frames[i].copied)
			free(frames[i].data);
		else
			fill_again(xsk, frames[i].addr);
	}
}

static void complete(struct xsk *xsk)
{
	uint32_t at;
	uint32_t n = xsk_ring_cons__peek(
	    &xsk->completion, XSK_FRAMES - XSK_RX_FRAMES, &at);

	for (uint32_t i = 0; i < n; i++)
		xsk->tx_free[xsk->tx_free_count++] =
		    *xsk_ring_cons__comp_addr(&xsk->completion, at + i);
	xsk_ring_cons__release(&xsk->completion, n);
}

bool xsk_send(struct xsk *xsk, const uint8_t *data, uint32_t len)
{
	struct xdp_desc *desc;
	uint32_t at;

	complete(xsk);
	if (!xsk->tx_free_count || len > XSK_FRAME_SIZE ||
	    xsk_ring_prod__reserve(&xsk->tx, 1, &at) != 1)
		return false;
	desc = xsk_ring_prod__tx_desc(&xsk->tx, at);
	desc->addr = xsk->tx_free[--xsk->tx_free_count];
	desc->len = len;
	desc->options = 0;
	memcpy(xsk_umem__get_data(xsk->area, desc->addr), data, len);
	xsk_ring_prod__submit(&xsk->tx, 1);
	return true;
}

void xsk_kick(struct xsk *xsk)
{
	/* Copy mode sends 32 frames a call and says EAGAIN if more wait. */
	for (int i = 0; i < 64; i++)
		if (sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0 ||
		    errno != EAGAIN)
			break;
}

int xsk_drops(const struct xsk *xsk, struct xsk_drops *drops)
{
	struct xdp_statistics stats = {};
	socklen_t len = sizeof(stats);

	if (getsockopt(xsk->fd, SOL_XDP, XDP_STATISTICS, &stats, &len))
		return -errno;
	drops->rx_dropped = stats.rx_dropped;
	drops->rx_full = stats.rx_ring_full;
	drops->fill_empty = stats.rx_fill_ring_empty_descs;
	drops->tx_invalid = stats.tx_invalid_descs;
	return 0;
}
