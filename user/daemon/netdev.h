/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices of the daemon's own, on whose ingress a tc program redirects what
 * arrives to an attached device: the TAP of inject.h, the veth of deliver.h.
 */
#ifndef HF_NETDEV_H
#define HF_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

/* Makes a veth pair; -EEXIST: there is such a name. */
int netdev_veth_create(const char *name, const char *peer);
int netdev_delete(const char *name);
/* GRO, which makes a veth end poll; while the device is down. */
int netdev_gro_on(const char *name);
/* That MAC and MTU, no address and no reverse path filter of its own; up.
 * receives: frames come in on it, with IPv6 as with IPv4. */
int netdev_up(const char *name, const uint8_t mac[6], uint32_t mtu,
	      bool receives);
/*
 * The tc program on its ingress, which gives complete requests to their
 * listeners where the kernel can. target: the device that frames go on to, 0:
 * they come in on the device itself.
 */
int netdev_redirect(uint32_t ifindex, uint32_t target);
void netdev_redirect_end(uint32_t ifindex);

#endif
