/* SPDX-License-Identifier: BSD-2-Clause */
/* The ethtool ioctls that hf_netif_read() needs. */
#ifndef HF_ETHTOOL_H
#define HF_ETHTOOL_H

struct hf_netif;

/*
 * hf_ethtool_read - driver, receive queues and features of netif->name.
 *
 * What the driver does not tell stays as it is, but for rx_queues, which is
 * counted in /sys/class/net then, and is 1 where that fails too. Returns 0,
 * or a negative errno if there is no socket to ask by.
 */
int hf_ethtool_read(struct hf_netif *netif);

#endif
