/* SPDX-License-Identifier: BSD-2-Clause */
/* An attached device: its injection device and a worker for every queue. */
#ifndef HF_DEVICE_H
#define HF_DEVICE_H

#include "daemon/daemon.h"
#include "daemon/deliver.h"
#include "daemon/inject.h"
#include "daemon/worker.h"

struct device {
	TAILQ_ENTRY(device) link;
	uint32_t ifindex;
	char name[IF_NAMESIZE];
	uint32_t first_xsk;
	uint32_t queues;
	bool skb;
	struct inject inject;
	struct deliver deliver;
	struct worker *workers; /* one a queue */
};

/* All of the devices map. 0 or a negative errno of the first that failed. */
int device_open_all(void);
/* Opens rings for a device that was attached. 0, or -errno with a text. */
int device_open(uint32_t ifindex, char *text, size_t size);
/* No new requests; waits for those that are complete; closes its rings. */
int device_drain(uint32_t ifindex, char *text, size_t size);
void device_close_all(void);
/* Puts the sockets of all rings into the map: from here on XDP answers. */
int device_publish_all(void);
/* Looks whether somebody has removed devices of ours. */
void device_check_all(void);
/* XDP_STATISTICS of all rings into daemon_stats. */
void device_count_drops(void);

/* The worker that owns a request; NULL: that queue has none (any more). */
struct worker *device_worker(uint32_t ifindex, uint32_t queue);

/* netlink.c: follows addresses, MTU, MACs, VLAN devices of the namespace. */
int netlink_open(void);
void netlink_close(void);
/* Sends one message to the kernel and takes its answer; what that carries goes
 * to `visit`, which may be NULL. 0 or -errno. */
struct nlmsghdr;
int netlink_call(int bus, struct nlmsghdr *nlh,
		 int (*visit)(const struct nlmsghdr *nlh, void *arg),
		 void *arg);
/* Writes local_addrs, vlans and the changed parts of devices. */
int netlink_sync(void);

#endif
