// SPDX-License-Identifier: BSD-2-Clause
/*
 * The namespace's addresses and links, as rtnetlink tells of them. Any change
 * leads to a new look at all of them: they are few, and changes are rare.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <arpa/inet.h>
#include <bpf/bpf.h>

#include "common/log.h"
#include "common/sysctl.h"
#include "daemon/device.h"

#define GROUPS (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR)

static struct mnl_socket *events;
static struct source events_source;

int netlink_call(int bus, struct nlmsghdr *nlh,
		 int (*visit)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	struct mnl_socket *nl = mnl_socket_open2(bus, SOCK_CLOEXEC);
	char buf[4096] __attribute__((aligned(8)));
	int err = 0;
	ssize_t n;

	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0) {
		err = -errno;
		goto out;
	}
	n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (n < 0 ||
	    mnl_cb_run(buf, (size_t)n, 0, 0, visit, arg) == MNL_CB_ERROR)
		err = -errno;
out:
	mnl_socket_close(nl);
	return err;
}

/* ---------------------------------------------------------------- dumps */

static int dump(uint16_t type, uint8_t family, mnl_cb_t visit, void *arg)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char buf[32768] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtgenmsg *gen;
	ssize_t n;
	int ret = MNL_CB_OK, err = 0;

	if (!nl)
		return -errno;
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = 1;
	if (type == RTM_GETLINK) {
		struct ifinfomsg *info =
		    mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

		info->ifi_family = family;
	} else {
		gen = mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
		gen->rtgen_family = family;
	}
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		err = -errno;
	while (!err && ret > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		ret = n < 0 ? MNL_CB_ERROR
			    : mnl_cb_run(buf, (size_t)n, 1, 0, visit, arg);
	}
	if (!err && ret < 0)
		err = -errno;
	mnl_socket_close(nl);
	return err;
}

static int attr_take(const struct nlattr *attr, void *arg)
{
	const struct nlattr **table = arg;

	if (mnl_attr_get_type(attr) <= 63)
		table[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

/* ------------------------------------------------------------ addresses */

#define SYNC_MAX HF_LOCAL_ADDRS_MAX

struct addr_list {
	struct hf_addr addr[SYNC_MAX];
	__u32 ifindex[SYNC_MAX];
	size_t count;
};

static int addr_visit(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[64] = {};
	const struct nlattr *attr;
	struct addr_list *list = arg;
	struct hf_addr *addr = &list->addr[list->count];

	mnl_attr_parse(nlh, sizeof(*ifa), attr_take, tb);
	/* IFA_LOCAL is this end of a point-to-point link. */
	attr = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!attr || list->count == SYNC_MAX)
		return MNL_CB_OK;
	memset(addr, 0, sizeof(*addr));
	if (ifa->ifa_family == AF_INET) {
		memset(addr->b + 10, 0xff, 2);
		memcpy(addr->b + 12, mnl_attr_get_payload(attr), 4);
		if (addr->b[12] == 127)
			return MNL_CB_OK;
	} else if (ifa->ifa_family == AF_INET6) {
		/* Tentative ones are not ours yet; the event comes when they
		 * are. */
		if (ifa->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED) &&
		    !(ifa->ifa_flags & IFA_F_OPTIMISTIC))
			return MNL_CB_OK;
		memcpy(addr->b, mnl_attr_get_payload(attr), 16);
		if (IN6_IS_ADDR_LOOPBACK((struct in6_addr *)addr->b))
			return MNL_CB_OK;
	} else {
		return MNL_CB_OK;
	}
	list->ifindex[list->count++] = ifa->ifa_index;
	return MNL_CB_OK;
}

static bool list_has(const struct addr_list *list, const struct hf_addr *addr)
{
	for (size_t i = 0; i < list->count; i++)
		if (!memcmp(&list->addr[i], addr, sizeof(*addr)))
			return true;
	return false;
}

static int sync_addresses(void)
{
	int map = hfd.world.maps.local_addrs;
	struct addr_list *list = calloc(1, sizeof(*list));
	struct hf_addr key, last;
	bool have;
	int err;

	if (!list)
		return -ENOMEM;
	err = dump(RTM_GETADDR, AF_UNSPEC, addr_visit, list);
	for (size_t i = 0; i < list->count && !err; i++)
		if (bpf_map_update_elem(
			map, &list->addr[i], &list->ifindex[i], BPF_ANY))
			err = -errno;
	have = !err && !bpf_map_get_next_key(map, NULL, &key);
	while (have) {
		last = key;
		have = !bpf_map_get_next_key(map, &last, &key);
		if (!list_has(list, &last))
			bpf_map_delete_elem(map, &last);
	}
	free(list);
	return err;
}

/* ---------------------------------------------------------------- links */

struct link {
	__u32 ifindex;
	__u32 lower; /* VLAN devices: the device below */
	__u32 mtu;
	__u8 mac[6];
	__be16 vlan_proto; /* 0: not a VLAN device */
	__u16 vlan_id;
	char name[IF_NAMESIZE];
};

struct link_list {
	struct link *link;
	size_t count;
};

static void link_read_vlan(struct link *link, const struct nlattr *linkinfo)
{
	const struct nlattr *info[64] = {};
	const struct nlattr *data[64] = {};

	mnl_attr_parse_nested(linkinfo, attr_take, info);
	if (!info[IFLA_INFO_KIND] || !info[IFLA_INFO_DATA] ||
	    strcmp(mnl_attr_get_str(info[IFLA_INFO_KIND]), "vlan"))
		return;
	mnl_attr_parse_nested(info[IFLA_INFO_DATA], attr_take, data);
	if (!data[IFLA_VLAN_ID])
		return;
	link->vlan_id = mnl_attr_get_u16(data[IFLA_VLAN_ID]);
	link->vlan_proto = htons(0x8100);
	if (data[IFLA_VLAN_PROTOCOL])
		link->vlan_proto = mnl_attr_get_u16(data[IFLA_VLAN_PROTOCOL]);
}

static int link_visit(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[64] = {};
	struct link_list *list = arg;
	struct link *link;

	link = realloc(list->link, (list->count + 1) * sizeof(*link));
	if (!link)
		return MNL_CB_ERROR;
	list->link = link;
	link = &list->link[list->count++];
	memset(link, 0, sizeof(*link));
	mnl_attr_parse(nlh, sizeof(*ifi), attr_take, tb);
	link->ifindex = (__u32)ifi->ifi_index;
	if (tb[IFLA_IFNAME])
		strncpy(link->name, mnl_attr_get_str(tb[IFLA_IFNAME]),
			IF_NAMESIZE - 1);
	if (tb[IFLA_MTU])
		link->mtu = mnl_attr_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_LINK])
		link->lower = mnl_attr_get_u32(tb[IFLA_LINK]);
	if (tb[IFLA_ADDRESS] && mnl_attr_get_payload_len(tb[IFLA_ADDRESS]) == 6)
		memcpy(link->mac, mnl_attr_get_payload(tb[IFLA_ADDRESS]), 6);
	if (tb[IFLA_LINKINFO])
		link_read_vlan(link, tb[IFLA_LINKINFO]);
	return MNL_CB_OK;
}

static const struct link *link_find(const struct link_list *list, __u32 ifindex)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->link[i].ifindex == ifindex)
			return &list->link[i];
	return NULL;
}

static void device_from_link(struct hf_device *v, const struct link *link)
{
	v->mtu = link->mtu;
	v->mss4 = (__u16)(link->mtu > 40 ? link->mtu - 40 : 0);
	v->mss6 = (__u16)(link->mtu > 60 ? link->mtu - 60 : 0);
	if (link->mtu > 65535 + 40)
		v->mss4 = v->mss6 = 65535;
	v->ttl = hf_sysctl_ttl();
	v->hop_limit = hf_sysctl_hop_limit(link->name);
	memcpy(v->mac, link->mac, 6);
	memcpy(v->name, link->name, sizeof(v->name));
}

/* An attached device, or a VLAN device that stands on one. */
static void sync_device(const struct link *link, __u32 lower)
{
	int map = hfd.world.maps.devices;
	struct hf_device old = {}, v;

	if (bpf_map_lookup_elem(map, &link->ifindex, &old) && !lower)
		return;
	v = old;
	device_from_link(&v, link);
	if (lower)
		v.lower = lower;
	if (memcmp(&v, &old, sizeof(v)))
		bpf_map_update_elem(map, &link->ifindex, &v, BPF_ANY);
}

static bool device_is_attached(__u32 ifindex)
{
	struct hf_device v;

	return !bpf_map_lookup_elem(hfd.world.maps.devices, &ifindex, &v) &&
	       v.mode != HF_XDP_DETACHED;
}

/* A VLAN device directly on an attached one, or two deep (QinQ). */
static void sync_vlan(const struct link_list *list, const struct link *link)
{
	struct hf_vlan_key key = {};
	const struct link *below = link_find(list, link->lower);
	__u32 value = link->ifindex;

	if (!below)
		return;
	if (below->vlan_proto) {
		key.proto[0] = below->vlan_proto;
		key.vid[0] = below->vlan_id;
		key.proto[1] = link->vlan_proto;
		key.vid[1] = link->vlan_id;
		key.ifindex = below->lower;
	} else {
		key.proto[0] = link->vlan_proto;
		key.vid[0] = link->vlan_id;
		key.ifindex = below->ifindex;
	}
	if (!device_is_attached(key.ifindex))
		return;
	sync_device(link, key.ifindex);
	bpf_map_update_elem(hfd.world.maps.vlans, &key, &value, BPF_ANY);
}

/* VLAN devices that are gone, or stand on what is not attached any more. */
static void prune_vlans(const struct link_list *list)
{
	struct hf_vlan_key key, last;
	int map = hfd.world.maps.vlans;
	bool have = !bpf_map_get_next_key(map, NULL, &key);

	while (have) {
		const struct link *link = NULL;
		__u32 value;

		last = key;
		have = !bpf_map_get_next_key(map, &last, &key);
		if (bpf_map_lookup_elem(map, &last, &value))
			continue;
		link = link_find(list, value);
		if (link && link->vlan_proto &&
		    device_is_attached(last.ifindex))
			continue;
		bpf_map_delete_elem(map, &last);
		bpf_map_delete_elem(hfd.world.maps.devices, &value);
	}
}

static int sync_links(void)
{
	struct link_list list = {};
	int err = dump(RTM_GETLINK, AF_UNSPEC, link_visit, &list);

	for (size_t i = 0; i < list.count && !err; i++)
		sync_device(&list.link[i], 0);
	for (size_t i = 0; i < list.count && !err; i++)
		if (list.link[i].vlan_proto)
			sync_vlan(&list, &list.link[i]);
	if (!err)
		prune_vlans(&list);
	device_check_all();
	free(list.link);
	return err;
}

int netlink_sync(void)
{
	int err = sync_addresses();

	if (!err)
		err = sync_links();
	if (err)
		hf_error("cannot read addresses and links: %s", strerror(-err));
	return err;
}

/* --------------------------------------------------------------- events */

static void events_ready(struct source *source, uint32_t mask)
{
	char buf[32768];

	(void)source;
	(void)mask;
	/* What happened does not matter, nor whether some were lost. */
	while (recv(mnl_socket_get_fd(events), buf, sizeof(buf), MSG_DONTWAIT) >
	       0)
		;
	netlink_sync();
}

int netlink_open(void)
{
	events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!events || mnl_socket_bind(events, GROUPS, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	events_source.ready = events_ready;
	return source_add(&events_source, mnl_socket_get_fd(events), EPOLLIN);
}

void netlink_close(void)
{
	if (events)
		mnl_socket_close(events);
	events = NULL;
}
