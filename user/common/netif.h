/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What there is to know of a network interface before XDP is attached to it:
 * by rtnetlink and the ethtool ioctls, in the caller's network namespace.
 */
#ifndef HF_NETIF_H
#define HF_NETIF_H

#include <net/if.h>
#include <stdbool.h>

#include <linux/types.h>

/* Programs on an interface, as IFLA_XDP tells; 0: none in that mode. */
struct hf_netif_xdp {
	__u32 native_id;
	__u32 skb_id;
	__u32 offload_id;
};

/* An ethtool feature; `fixed`: it cannot be changed. */
struct hf_netif_feature {
	bool on;
	bool fixed;
};

struct hf_netif {
	int ifindex;
	char name[IF_NAMESIZE];
	char driver[32]; /* "" where it has none (lo) */
	char kind[16];   /* rtnetlink's: "veth", "vlan", "bond"; or "" */
	__u8 mac[6];
	bool ethernet; /* ARPHRD_ETHER with a 6-byte address */
	bool up;       /* IFF_UP */
	bool loopback;
	__u32 mtu;
	__u32 rx_queues;
	__u32 rx_queues_max; /* what `ethtool -L` allows */
	int lower;           /* IFLA_LINK: the device below, or a veth's peer
				(of namespace lower_nsid); 0: none */
	int lower_nsid;      /* -1: this namespace */
	int master;          /* bridge or bond it is a port of; 0: none */
	struct hf_netif_xdp xdp;
	struct hf_netif_feature lro;
	struct hf_netif_feature gro;
	struct hf_netif_feature rx_vlan;
	struct hf_netif_feature tx_vlan;
	struct hf_netif_feature tx_checksum;
};

/*
 * hf_netif_read - all of it, by name or (where name is NULL) by index.
 *
 * Returns 0 or a negative errno, not logged, and *netif untouched: -ENODEV:
 * no such interface. What a driver does not tell is 0 or false; rx_queues is
 * at least 1.
 */
int hf_netif_read(const char *name, int ifindex, struct hf_netif *netif);

/*
 * hf_netif_peer - the other end of a veth, wherever it can be found.
 *
 * Looks in this namespace, else in those named in /run/netns and, with
 * CAP_SYS_ADMIN, in those of running processes, by entering them in a child
 * process. Returns 0, or a negative errno, not logged: -ENOENT: not to be
 * found; -EINVAL: not a veth.
 */
int hf_netif_peer(const struct hf_netif *netif, struct hf_netif *peer);

/*
 * hf_netif_each - calls visit() for every link of the namespace (ifindex and
 * the index below it, IFLA_LINK; its kind), until that returns non-zero.
 * Returns that, 0, or a negative errno.
 */
struct hf_netif_link {
	int ifindex;
	char name[IF_NAMESIZE];
	char kind[16];
	int lower;
	int lower_nsid;
	int master;
};
int hf_netif_each(int (*visit)(const struct hf_netif_link *link, void *arg),
		  void *arg);

/*
 * NETDEV_XDP_ACT_* of Linux 6.3's netdev family: what a driver's XDP can do.
 * The headers of Debian 12 do not have them yet.
 */
#define HF_XDP_ACT_BASIC 0x01U
#define HF_XDP_ACT_REDIRECT 0x02U
#define HF_XDP_ACT_NDO_XMIT 0x04U
#define HF_XDP_ACT_XSK_ZEROCOPY 0x08U
#define HF_XDP_ACT_RX_SG 0x20U

/* hf_netif_xdp_features - these flags. -EOPNOTSUPP before Linux 6.3. */
int hf_netif_xdp_features(int ifindex, __u64 *features);

#endif
