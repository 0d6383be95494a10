// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/findings.h"
#include "cli/driver.h"

void findings_add(struct findings *f, enum finding_level level,
		  const char *about, const char *format, ...)
{
	struct finding *finding;
	va_list args;

	if (f->count == FINDINGS_MAX) {
		f->left_out++;
		return;
	}
	finding = &f->list[f->count++];
	finding->level = level;
	snprintf(finding->about, sizeof(finding->about), "%s", about);
	va_start(args, format);
	vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
}

const char *finding_level_name(enum finding_level level)
{
	switch (level) {
	case FINDING_NOTE:
		return "note";
	case FINDING_WARN:
		return "warning";
	case FINDING_REFUSE:
		return "refused";
	}
	return "?";
}

static bool is_veth(const struct hf_netif *n)
{
	return !strcmp(n->kind, "veth");
}

static void check_lro(struct findings *f, const struct hf_netif *n)
{
	if (!n->lro.on)
		return;
	if (n->lro.fixed)
		findings_add(f, FINDING_REFUSE, "lro",
			     "LRO merges segments before XDP sees them, and "
			     "the %s driver cannot switch it off: XDP cannot "
			     "be used on %s",
			     n->driver, n->name);
	else
		findings_add(f, FINDING_REFUSE, "lro",
			     "LRO merges segments before XDP sees them; "
			     "switch it off: ethtool -K %s lro off",
			     n->name);
}

struct vlan_search {
	int lower;
	char name[IF_NAMESIZE];
};

static int vlan_visit(const struct hf_netif_link *link, void *arg)
{
	struct vlan_search *search = arg;

	if (strcmp(link->kind, "vlan") || link->lower != search->lower)
		return 0;
	memcpy(search->name, link->name, sizeof(search->name));
	return 1;
}

/*
 * A veth has no receive offload, whatever its flag says: a frame's tag stays
 * beside it, unseen by XDP, if the *sender* did not write it into the frame.
 * So there it is a matter of the peer, and only where VLANs are used.
 */
static void check_vlan_veth(struct findings *f, const struct hf_netif *n)
{
	struct vlan_search search = {.lower = n->ifindex};
	struct hf_netif peer;

	if (hf_netif_each(vlan_visit, &search) <= 0)
		return;
	if (hf_netif_peer(n, &peer))
		findings_add(f, FINDING_WARN, "vlan",
			     "XDP sees the tags for %s only if the peer of %s "
			     "writes them into the frames: there, ethtool -K "
			     "PEER txvlan off",
			     search.name, n->name);
	else if (peer.tx_vlan.on)
		findings_add(f, FINDING_REFUSE, "vlan",
			     "the peer of %s keeps VLAN tags (of %s) beside "
			     "the frames, where XDP does not see them; in its "
			     "namespace: ethtool -K %s txvlan off",
			     n->name, search.name, peer.name);
}

static void check_vlan(struct findings *f, const struct hf_netif *n,
		       enum hf_xdp_mode mode)
{
	if (is_veth(n)) {
		check_vlan_veth(f, n);
		return;
	}
	if (!n->rx_vlan.on)
		return;
	if (mode == HF_XDP_NATIVE && !n->rx_vlan.fixed)
		findings_add(f, FINDING_REFUSE, "vlan",
			     "receive VLAN offload takes the tags off before "
			     "XDP sees them; switch it off: ethtool -K %s "
			     "rxvlan off",
			     n->name);
	else if (mode == HF_XDP_NATIVE)
		findings_add(f, FINDING_REFUSE, "vlan",
			     "receive VLAN offload takes the tags off before "
			     "XDP sees them, and the %s driver cannot switch "
			     "it off; try -m skb",
			     n->driver);
	else
		findings_add(f, FINDING_WARN, "vlan",
			     "receive VLAN offload takes the tags off before "
			     "XDP sees them; if VLANs are used on %s: "
			     "ethtool -K %s rxvlan off",
			     n->name, n->name);
}

/* What XDP_TX and AF_XDP send towards a veth vanishes unless the receiving
 * end runs NAPI: with GRO on, or an XDP program. */
static void check_veth(struct findings *f, const struct hf_netif *n,
		       enum hf_xdp_mode mode)
{
	struct hf_netif peer;

	if (!is_veth(n))
		return;
	if (hf_netif_peer(n, &peer)) {
		findings_add(f, FINDING_NOTE, "veth",
			     "the peer of %s cannot be looked at; it needs "
			     "'ethtool -K PEER gro on' before its link goes "
			     "up, and 'ethtool -K PEER tx off'",
			     n->name);
		return;
	}
	if (mode == HF_XDP_NATIVE && !peer.gro.on && !peer.xdp.native_id)
		findings_add(f, FINDING_WARN, "veth",
			     "frames that XDP sends to the peer %s vanish, "
			     "for it has GRO off; in its namespace: ethtool "
			     "-K %s gro on, then set its link down and up",
			     peer.name, peer.name);
	if (peer.tx_checksum.on)
		findings_add(f, FINDING_WARN, "veth",
			     "the peer %s leaves checksums to a device that "
			     "there is not, so XDP takes its frames for "
			     "damaged; in its namespace: ethtool -K %s tx off",
			     peer.name, peer.name);
}

static void check_queues(struct findings *f, const struct hf_netif *n,
			 enum hf_xdp_mode mode)
{
	const struct driver *driver = driver_find(n->driver);

	if (n->rx_queues > HF_XSKS_MAX)
		findings_add(f, FINDING_REFUSE, "queues",
			     "%u receive queues are more than the %u that "
			     "handfast knows; ethtool -L %s combined N",
			     n->rx_queues, HF_XSKS_MAX, n->name);
	if (mode != HF_XDP_NATIVE || !driver)
		return;
	if (driver->half_queues && n->rx_queues * 2 > n->rx_queues_max)
		findings_add(f, FINDING_REFUSE, "queues",
			     "the %s driver needs as many free queues for XDP "
			     "as are in use: ethtool -L %s combined %u",
			     n->driver, n->name,
			     n->rx_queues_max > 1 ? n->rx_queues_max / 2 : 1);
	if (driver->note)
		findings_add(f, FINDING_NOTE, "driver", "%s: %s", n->driver,
			     driver->note);
	if (driver->resets)
		findings_add(f, FINDING_NOTE, "link",
			     "the %s driver sets its rings up anew: expect a "
			     "second or more without traffic on %s",
			     n->driver, n->name);
}

/* A page less headroom and what the kernel puts behind the frame. */
#define ONE_PAGE_MTU 3498

static void check_mtu(struct findings *f, const struct hf_netif *n,
		      enum hf_xdp_mode mode)
{
	__u64 features;

	if (n->mtu < 576)
		findings_add(f, FINDING_REFUSE, "mtu",
			     "an MTU of %u leaves no room for TCP: ip link "
			     "set dev %s mtu 1500",
			     n->mtu, n->name);
	if (n->mtu <= ONE_PAGE_MTU || mode != HF_XDP_NATIVE)
		return;
	if (!hf_netif_xdp_features(n->ifindex, &features) &&
	    !(features & HF_XDP_ACT_RX_SG))
		findings_add(f, FINDING_WARN, "mtu",
			     "the %s driver has no XDP for frames of several "
			     "buffers: an MTU of %u may be refused; ip link "
			     "set dev %s mtu 1500, or -m skb",
			     n->driver, n->mtu, n->name);
}

static void check_master(struct findings *f, const struct hf_netif *n,
			 enum hf_xdp_mode mode)
{
	if (!strcmp(n->kind, "bond") && mode == HF_XDP_NATIVE)
		findings_add(
		    f, FINDING_WARN, "bond",
		    "a frame keeps the queue of the port it came in on, "
		    "so AF_XDP rings of the bond %s get none: try -m skb",
		    n->name);
	if (n->master)
		findings_add(
		    f, FINDING_WARN, "port",
		    "%s is a port of a bridge or bond: only frames for "
		    "its own MAC are looked at, and a flow may come in "
		    "by another port",
		    n->name);
}

void findings_device(struct findings *f, const struct hf_netif *n,
		     enum hf_xdp_mode mode)
{
	if (!n->ethernet) {
		findings_add(
		    f, FINDING_REFUSE, "ethernet", "no Ethernet interface%s",
		    n->loopback ? ": local clients always meet the kernel's "
				  "own listener"
				: "");
		return;
	}
	if (!n->up)
		findings_add(f, FINDING_NOTE, "link",
			     "it is down: ip link set dev %s up", n->name);
	check_lro(f, n);
	check_vlan(f, n, mode);
	check_veth(f, n, mode);
	check_queues(f, n, mode);
	check_mtu(f, n, mode);
	check_master(f, n, mode);
}
