// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "common/log.h"
#include "daemon/device.h"

/* How long `detach` waits: complete requests take microseconds, half-open
 * ones of real clients a round trip; those of a flood never end. */
#define DRAIN_ACKED_NS (5 * NSEC_PER_SEC)
#define DRAIN_HALF_OPEN_NS NSEC_PER_SEC

struct worker *device_worker(uint32_t ifindex, uint32_t queue)
{
	struct device *d;

	TAILQ_FOREACH(d, &hfd.devices, link)
		if (d->ifindex == ifindex && queue < d->queues)
			return &d->workers[queue];
	return NULL;
}

static struct device *device_find(uint32_t ifindex)
{
	struct device *d;

	TAILQ_FOREACH(d, &hfd.devices, link)
		if (d->ifindex == ifindex)
			return d;
	return NULL;
}

/* What XDP needs to know of it, and `handfast status`, which cannot ask a
 * ring. */
static void device_show(const struct device *d, uint32_t deliver_ifindex)
{
	struct hf_device v;
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->queues; i++)
		n += d->workers[i].xsk.zerocopy;
	if (bpf_map_lookup_elem(hfd.world.maps.devices, &d->ifindex, &v) ||
	    (v.zerocopy_rings == n && v.deliver_ifindex == deliver_ifindex))
		return;
	v.zerocopy_rings = n;
	v.deliver_ifindex = deliver_ifindex;
	bpf_map_update_elem(hfd.world.maps.devices, &d->ifindex, &v, BPF_EXIST);
}

static int device_publish(const struct device *d)
{
	device_show(d, d->deliver.out);
	for (uint32_t i = 0; i < d->queues; i++) {
		uint32_t slot = d->first_xsk + i;

		if (bpf_map_update_elem(hfd.world.maps.xsks, &slot,
					&d->workers[i].xsk.fd, BPF_ANY)) {
			int err = -errno;

			hf_error("cannot put the ring of %s, queue %u, into "
				 "the map: %s",
				 d->name, i, strerror(-err));
			return err;
		}
	}
	return 0;
}

int device_publish_all(void)
{
	struct device *d;
	int err = 0;

	TAILQ_FOREACH(d, &hfd.devices, link)
		if (!err)
			err = device_publish(d);
	return err;
}

void device_check_all(void)
{
	char name[IF_NAMESIZE];
	struct device *d;

	TAILQ_FOREACH(d, &hfd.devices, link) {
		if (!d->deliver.out || if_indextoname(d->deliver.out, name))
			continue;
		hf_warn("%s is gone: connections of %s for listeners with "
			"delivery kernel go through the daemon from now on",
			d->deliver.name, d->name);
		deliver_close(&d->deliver);
		device_show(d, 0);
	}
}

static void device_unpublish(const struct device *d)
{
	for (uint32_t i = 0; i < d->queues; i++) {
		uint32_t slot = d->first_xsk + i;

		bpf_map_delete_elem(hfd.world.maps.xsks, &slot);
	}
	device_show(d, 0);
}

/* Not in the list (any more): nobody but its own workers knows it. */
static void device_free(struct device *d)
{
	if (d->workers)
		for (uint32_t i = 0; i < d->queues; i++)
			if (d->workers[i].device)
				worker_stop(&d->workers[i]);
	deliver_close(&d->deliver);
	inject_close(&d->inject);
	free(d->workers);
	free(d);
}

static int device_start(struct device *d, const struct hf_device *v)
{
	int err;

	d->first_xsk = v->first_xsk;
	d->skb = v->mode == HF_XDP_SKB;
	d->inject.fd = -1;
	memcpy(d->name, v->name, IF_NAMESIZE);
	d->name[IF_NAMESIZE - 1] = '\0';
	d->workers = calloc(v->queues, sizeof(*d->workers));
	if (!d->workers)
		return -ENOMEM;
	d->queues = v->queues;
	err = inject_open(&d->inject, d->ifindex, v->mac, v->mtu, d->skb);
	if (!err && !d->skb && hfd.world.deliver)
		deliver_open(&d->deliver, d->ifindex, v->mac);
	for (uint32_t i = 0; i < d->queues && !err; i++)
		err = worker_start(&d->workers[i], d, i);
	return err;
}

static void device_log(const struct device *d)
{
	const struct xsk *xsk = &d->workers[0].xsk;

	hf_info("%s: %u queue%s, AF_XDP %s mode%s", d->name, d->queues,
		d->queues == 1 ? "" : "s", xsk->zerocopy ? "zero-copy" : "copy",
		xsk->multi_buffer ? ""
				  : ", frames up to 3840 bytes (multi-buffer "
				    "AF_XDP needs Linux 6.6)");
}

int device_open(uint32_t ifindex, char *text, size_t size)
{
	struct hf_device v;
	struct device *d;
	int err;

	if (bpf_map_lookup_elem(hfd.world.maps.devices, &ifindex, &v) ||
	    v.mode == HF_XDP_DETACHED || !v.queues) {
		snprintf(text, size, "interface %u is not attached", ifindex);
		return -ENODEV;
	}
	if (device_find(ifindex))
		return 0;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->ifindex = ifindex;
	err = device_start(d, &v);
	if (!err && !hfd.grace_until_ns)
		err = device_publish(d);
	if (err) {
		snprintf(text, size, "cannot open the rings of %s: %s", d->name,
			 strerror(-err));
		device_free(d);
		return err;
	}
	device_log(d);
	pthread_rwlock_wrlock(&hfd.lock);
	TAILQ_INSERT_TAIL(&hfd.devices, d, link);
	pthread_rwlock_unlock(&hfd.lock);
	return 0;
}

int device_open_all(void)
{
	__u32 ifindex, *from = NULL;
	char text[128] = "";
	int err = 0;

	while (!bpf_map_get_next_key(hfd.world.maps.devices, from, &ifindex)) {
		struct hf_device v;
		char name[IF_NAMESIZE];

		from = &ifindex;
		if (bpf_map_lookup_elem(hfd.world.maps.devices, &ifindex, &v) ||
		    v.mode == HF_XDP_DETACHED)
			continue;
		if (!if_indextoname(ifindex, name)) {
			hf_warn("%.16s (interface %u) is gone: 'handfast "
				"detach %.16s' removes what is left of it",
				v.name, ifindex, v.name);
			continue;
		}
		err = device_open(ifindex, text, sizeof(text));
		if (err)
			hf_error("%s", text);
		if (err)
			break;
	}
	return err;
}

/* --------------------------------------------------------------- detach */

struct drain_count {
	uint32_t ifindex;
	uint32_t acked;
	uint32_t half_open;
};

static void drain_visit(const struct hf_tuple *key,
			const struct hf_request *req, void *arg)
{
	struct drain_count *n = arg;

	(void)key;
	if (req->ifindex != n->ifindex)
		return;
	if (req->word.state == HF_REQUEST_ACKED)
		n->acked++;
	else
		n->half_open++;
}

static void drain_wait(uint32_t ifindex)
{
	uint64_t start = hf_now_ns();

	for (;;) {
		struct drain_count n = {.ifindex = ifindex};
		uint64_t waited = hf_now_ns() - start;

		/* XDP answers SYNs for up to a tick more. */
		usleep(10000);
		request_each(drain_visit, &n);
		if ((!n.acked || waited > DRAIN_ACKED_NS) &&
		    (!n.half_open || waited > DRAIN_HALF_OPEN_NS))
			break;
	}
}

int device_drain(uint32_t ifindex, char *text, size_t size)
{
	struct device *d = device_find(ifindex);
	struct hf_device v;

	if (!d) {
		snprintf(
		    text, size, "no rings are open on interface %u", ifindex);
		return -ENODEV;
	}
	if (!bpf_map_lookup_elem(hfd.world.maps.devices, &ifindex, &v)) {
		v.draining = 1;
		bpf_map_update_elem(
		    hfd.world.maps.devices, &ifindex, &v, BPF_EXIST);
	}
	drain_wait(ifindex);
	device_unpublish(d);
	pthread_rwlock_wrlock(&hfd.lock);
	TAILQ_REMOVE(&hfd.devices, d, link);
	pthread_rwlock_unlock(&hfd.lock);
	hf_info("%s: rings closed", d->name);
	device_free(d);
	return 0;
}

void device_close_all(void)
{
	struct device *d;

	TAILQ_FOREACH(d, &hfd.devices, link)
		device_unpublish(d);
	while ((d = TAILQ_FIRST(&hfd.devices))) {
		pthread_rwlock_wrlock(&hfd.lock);
		TAILQ_REMOVE(&hfd.devices, d, link);
		pthread_rwlock_unlock(&hfd.lock);
		device_free(d);
	}
}

static void worker_count_drops(struct worker *w)
{
	struct xsk_drops now;

	if (xsk_drops(&w->xsk, &now))
		return;
	DAEMON_COUNT_N(ring_rx_dropped, now.rx_dropped - w->drops.rx_dropped);
	DAEMON_COUNT_N(ring_rx_full, now.rx_full - w->drops.rx_full);
	DAEMON_COUNT_N(ring_fill_empty, now.fill_empty - w->drops.fill_empty);
	DAEMON_COUNT_N(ring_tx_invalid, now.tx_invalid - w->drops.tx_invalid);
	w->drops = now;
}

void device_count_drops(void)
{
	struct device *d;

	TAILQ_FOREACH(d, &hfd.devices, link)
		for (uint32_t i = 0; i < d->queues; i++)
			worker_count_drops(&d->workers[i]);
}
