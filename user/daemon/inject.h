/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Injection: frames that XDP redirected go back into the kernel's receive
 * path. Each attached device has a TAP device beside it; a tc program on the
 * TAP's ingress redirects what is written to the ingress of the attached
 * device, so that for the kernel (firewall rules, SO_BINDTODEVICE, VRFs,
 * link-local scopes) the frame came in where it did. XDP in native mode is
 * not entered again. In skb mode it would be: there the frame comes in on
 * the TAP device itself.
 */
#ifndef HF_INJECT_H
#define HF_INJECT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inject {
	int fd;
	uint32_t ifindex; /* of the TAP device */
	char name[IF_NAMESIZE];
	bool redirected; /* frames appear on the device that they came from */
};

/* Makes the TAP device of `ifindex`. 0 or a negative errno, logged. */
int inject_open(struct inject *inject, uint32_t ifindex, const uint8_t mac[6],
		uint32_t mtu, bool skb);
void inject_close(struct inject *inject);
/* Any thread. 0 or a negative errno. */
int inject_frame(const struct inject *inject, const uint8_t *frame, size_t len);

#endif
