/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to listeners of delivery KERNEL: XDP redirects the segments that
 * complete a handshake into one end of a veth pair; on the ingress of the
 * other the tc program `deliver` gives them to the listening socket. No thread
 * of the daemon is on that way. In skb mode XDP would see the segments again:
 * there they go to a worker, which injects them, and meet the same program.
 */
#ifndef HF_DELIVER_H
#define HF_DELIVER_H

#include <net/if.h>
#include <stdint.h>

struct deliver {
	uint32_t out; /* ifindex of XDP's end, 0: there is no pair */
	uint32_t in;  /* of the other */
	char name[IF_NAMESIZE];
};

/* Makes the pair of a device. 0, or a negative errno, logged; without it the
 * workers do its work. */
int deliver_open(struct deliver *deliver, uint32_t ifindex,
		 const uint8_t mac[6]);
void deliver_close(struct deliver *deliver);

#endif
