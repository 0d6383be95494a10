// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/log.h"
#include "daemon/device.h"
#include "daemon/netdev.h"
#include "deliver.skel.h"
#include "handfast.skel.h"

/* ------------------------------------------------------------- rtnetlink */

static struct nlmsghdr *link_message(char *buf, uint16_t type, uint16_t flags,
				     const char *name)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return nlh;
}

int netdev_veth_create(const char *name, const char *peer)
{
	char buf[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh =
	    link_message(buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name);
	struct nlattr *info, *data, *other;

	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	other = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, peer);
	mnl_attr_nest_end(nlh, other);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return netlink_call(NETLINK_ROUTE, nlh, NULL, NULL);
}

int netdev_delete(const char *name)
{
	char buf[256] __attribute__((aligned(8)));

	return netlink_call(
	    NETLINK_ROUTE, link_message(buf, RTM_DELLINK, 0, name), NULL, NULL);
}

/* ---------------------------------------------------------------- ioctls */

/* One ioctl that needs no more than a name and this structure's rest. */
static int name_ioctl(unsigned long request, const char *name,
		      struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	memset(ifr->ifr_name, 0, sizeof(ifr->ifr_name));
	strncpy(ifr->ifr_name, name, sizeof(ifr->ifr_name) - 1);
	if (ioctl(fd, request, ifr))
		err = -errno;
	close(fd);
	return err;
}

int netdev_gro_on(const char *name)
{
	struct ethtool_value gro = {.cmd = ETHTOOL_SGRO, .data = 1};
	struct ifreq ifr = {.ifr_data = (void *)&gro};

	return name_ioctl(SIOCETHTOOL, name, &ifr);
}

static void sysctl_write(const char *family, const char *device,
			 const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family,
		 device, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		hf_debug("%s: %s", path, strerror(errno));
	close(fd);
}

int netdev_up(const char *name, const uint8_t mac[6], uint32_t mtu,
	      bool receives)
{
	struct ifreq ifr = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};
	int err;

	sysctl_write("ipv4", name, "rp_filter", "0");
	sysctl_write("ipv6", name, "disable_ipv6", receives ? "0" : "1");
	sysctl_write("ipv6", name, "addr_gen_mode", "1"); /* none */
	sysctl_write("ipv6", name, "accept_ra", "0");
	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	err = name_ioctl(SIOCSIFHWADDR, name, &ifr);
	ifr.ifr_mtu = (int)mtu;
	if (!err)
		err = name_ioctl(SIOCSIFMTU, name, &ifr);
	ifr.ifr_flags = IFF_UP | IFF_NOARP;
	if (!err)
		err = name_ioctl(SIOCSIFFLAGS, name, &ifr);
	return err;
}

/* -------------------------------------------------------------- redirect */

int netdev_redirect(uint32_t ifindex, uint32_t target)
{
	const struct handfast_bpf *skel = hfd.world.skel;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1,
		    .prog_fd = bpf_program__fd(
			hfd.world.deliver ? hfd.world.deliver->progs.deliver
					  : skel->progs.inject));
	int err;

	if (target &&
	    bpf_map_update_elem(bpf_map__fd(skel->maps.inject_targets),
				&ifindex, &target, BPF_ANY))
		return -errno;
	err = bpf_tc_hook_create(&hook);
	return err ? err : bpf_tc_attach(&hook, &opts);
}

void netdev_redirect_end(uint32_t ifindex)
{
	/* The program goes with the device. */
	bpf_map_delete_elem(
	    bpf_map__fd(hfd.world.skel->maps.inject_targets), &ifindex);
}
