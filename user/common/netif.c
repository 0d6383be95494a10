// SPDX-License-Identifier: BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "common/ethtool.h"
#include "common/netif.h"

/* A link with all its attributes: an interface with many virtual functions
 * or a long list of neighbours exceeds MNL_SOCKET_BUFFER_SIZE. */
#define NETLINK_BUFFER 32768

/* One request, and `callback` for every message of its answer. */
static int netlink_ask(int bus, struct nlmsghdr *request, mnl_cb_t callback,
		       void *arg)
{
	struct mnl_socket *nl = mnl_socket_open2(bus, SOCK_CLOEXEC);
	static __thread char buf[NETLINK_BUFFER];
	unsigned int port;
	ssize_t len;
	int err = 0;

	if (!nl)
		return -errno;
	request->nlmsg_seq = 1;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_sendto(nl, request, request->nlmsg_len) < 0) {
		err = -errno;
		goto out;
	}
	port = mnl_socket_get_portid(nl);
	do {
		len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0) {
			err = -errno;
			break;
		}
		err = mnl_cb_run(buf, len, 1, port, callback, arg);
		if (err < 0)
			err = -errno;
	} while (err > 0);
out:
	mnl_socket_close(nl);
	return err;
}

/* ------------------------------------------------------------ one link */

static void text_copy(char *to, size_t size, const struct nlattr *attr)
{
	size_t len = mnl_attr_get_payload_len(attr);

	if (len >= size)
		len = size - 1;
	memcpy(to, mnl_attr_get_payload(attr), len);
	to[len] = '\0';
}

static bool is_u32(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) >= sizeof(__u32);
}

static void kind_parse(const struct nlattr *info, char *kind, size_t size)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(
	    attr, info) if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
	    text_copy(kind, size, attr);
}

static void xdp_parse(const struct nlattr *nest, struct hf_netif_xdp *xdp)
{
	__u32 *by_mode[XDP_ATTACHED_MULTI + 1] = {
	    [XDP_ATTACHED_DRV] = &xdp->native_id,
	    [XDP_ATTACHED_SKB] = &xdp->skb_id,
	    [XDP_ATTACHED_HW] = &xdp->offload_id,
	};
	__u8 attached = XDP_ATTACHED_NONE;
	const struct nlattr *attr;
	__u32 id = 0;

	mnl_attr_for_each_nested(attr, nest)
	{
		int type = mnl_attr_get_type(attr);

		if (type == IFLA_XDP_ATTACHED)
			attached = mnl_attr_get_u8(attr);
		if (!is_u32(attr))
			continue;
		if (type == IFLA_XDP_PROG_ID)
			id = mnl_attr_get_u32(attr);
		else if (type == IFLA_XDP_DRV_PROG_ID)
			xdp->native_id = mnl_attr_get_u32(attr);
		else if (type == IFLA_XDP_SKB_PROG_ID)
			xdp->skb_id = mnl_attr_get_u32(attr);
		else if (type == IFLA_XDP_HW_PROG_ID)
			xdp->offload_id = mnl_attr_get_u32(attr);
	}
	if (id && attached <= XDP_ATTACHED_MULTI && by_mode[attached])
		*by_mode[attached] = id;
}

static int link_message(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct hf_netif *netif = arg;
	const struct nlattr *attr;

	netif->ifindex = info->ifi_index;
	netif->up = info->ifi_flags & IFF_UP;
	netif->loopback = info->ifi_flags & IFF_LOOPBACK;
	netif->lower_nsid = -1;
	mnl_attr_for_each(attr, message, sizeof(*info))
	{
		int type = mnl_attr_get_type(attr);

		if (type == IFLA_IFNAME)
			text_copy(netif->name, sizeof(netif->name), attr);
		else if (type == IFLA_LINKINFO)
			kind_parse(attr, netif->kind, sizeof(netif->kind));
		else if (type == IFLA_XDP)
			xdp_parse(attr, &netif->xdp);
		else if (type == IFLA_ADDRESS &&
			 mnl_attr_get_payload_len(attr) == 6) {
			memcpy(netif->mac, mnl_attr_get_payload(attr), 6);
			netif->ethernet = info->ifi_type == ARPHRD_ETHER;
		} else if (!is_u32(attr))
			continue;
		else if (type == IFLA_MTU)
			netif->mtu = mnl_attr_get_u32(attr);
		else if (type == IFLA_LINK)
			netif->lower = mnl_attr_get_u32(attr);
		else if (type == IFLA_LINK_NETNSID)
			netif->lower_nsid = mnl_attr_get_u32(attr);
		else if (type == IFLA_MASTER)
			netif->master = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

/* An RTM_GETLINK; no index and no name: for all links. */
static struct nlmsghdr *link_request(void *buf, const char *name, int ifindex)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	if (!name && !ifindex)
		request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	if (name)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	else
		info->ifi_index = ifindex;
	return request;
}

int hf_netif_read(const char *name, int ifindex, struct hf_netif *netif)
{
	char buf[MNL_NLMSG_HDRLEN + 256];
	struct hf_netif n = {};
	int err;

	if (name ? !*name || strlen(name) >= IF_NAMESIZE : ifindex <= 0)
		return -ENODEV;
	err = netlink_ask(
	    NETLINK_ROUTE, link_request(buf, name, ifindex), link_message, &n);
	if (!err && !n.ifindex)
		err = -ENODEV;
	if (!err)
		err = hf_ethtool_read(&n);
	if (!err)
		*netif = n;
	return err;
}

/* ----------------------------------------------------------- all links */

struct each {
	int (*visit)(const struct hf_netif_link *link, void *arg);
	void *arg;
	int result;
};

static int each_message(const struct nlmsghdr *message, void *arg)
{
	struct hf_netif_link link = {};
	struct hf_netif n = {};
	struct each *each = arg;

	link_message(message, &n);
	link.ifindex = n.ifindex;
	link.lower = n.lower;
	link.lower_nsid = n.lower_nsid;
	link.master = n.master;
	memcpy(link.name, n.name, sizeof(link.name));
	memcpy(link.kind, n.kind, sizeof(link.kind));
	each->result = each->visit(&link, each->arg);
	return each->result ? MNL_CB_STOP : MNL_CB_OK;
}

int hf_netif_each(int (*visit)(const struct hf_netif_link *link, void *arg),
		  void *arg)
{
	struct each each = {.visit = visit, .arg = arg};
	char buf[MNL_NLMSG_HDRLEN + 256];
	int err = netlink_ask(
	    NETLINK_ROUTE, link_request(buf, NULL, 0), each_message, &each);

	return err ? err : each.result;
}

/* --------------------------------------------------------- a veth's peer */

static int nsid_message(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *attr;

	mnl_attr_for_each(
	    attr, message,
	    sizeof(struct rtgenmsg)) if (mnl_attr_get_type(attr) ==
					     NETNSA_NSID &&
					 is_u32(attr)) *
	    (int *)arg = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

/* By which number this namespace knows the one that fd is open on. */
static int nsid_of(int fd)
{
	char buf[MNL_NLMSG_HDRLEN + 64];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	struct rtgenmsg *gen;
	int nsid = -1;

	request->nlmsg_type = RTM_GETNSID;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	gen = mnl_nlmsg_put_extra_header(request, sizeof(*gen));
	gen->rtgen_family = AF_UNSPEC;
	mnl_attr_put_u32(request, NETNSA_FD, fd);
	if (netlink_ask(NETLINK_ROUTE, request, nsid_message, &nsid))
		return -1;
	return nsid;
}

/* A namespace whose number here is nsid, among DIR/ENTRY+suffix. */
static int netns_find(const char *directory, const char *suffix, int nsid)
{
	struct dirent *entry;
	char path[320];
	int fd = -1;
	DIR *dir = opendir(directory);

	if (!dir)
		return -1;
	while (fd < 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    (*suffix && strspn(entry->d_name, "0123456789") !=
				    strlen(entry->d_name)))
			continue;
		snprintf(path, sizeof(path), "%s/%s%s", directory,
			 entry->d_name, suffix);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0 && nsid_of(fd) != nsid) {
			close(fd);
			fd = -1;
		}
	}
	closedir(dir);
	return fd;
}

/* Reads an interface in another namespace, which only a process of its own
 * may enter: this one's threads stay where they are. */
static int netns_read(int netns, int ifindex, struct hf_netif *netif)
{
	struct hf_netif n;
	int status, pipes[2];
	ssize_t len;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		if (setns(netns, CLONE_NEWNET) ||
		    hf_netif_read(NULL, ifindex, &n) ||
		    write(pipes[1], &n, sizeof(n)) != sizeof(n))
			_exit(1);
		_exit(0);
	}
	close(pipes[1]);
	len = pid < 0 ? -1 : read(pipes[0], &n, sizeof(n));
	close(pipes[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (len != sizeof(n))
		return -ENOENT;
	*netif = n;
	return 0;
}

int hf_netif_peer(const struct hf_netif *netif, struct hf_netif *peer)
{
	int netns, err;

	if (strcmp(netif->kind, "veth"))
		return -EINVAL;
	if (!netif->lower)
		return -ENOENT;
	if (netif->lower_nsid < 0)
		return hf_netif_read(NULL, netif->lower, peer);
	netns = netns_find("/run/netns", "", netif->lower_nsid);
	if (netns < 0)
		netns = netns_find("/proc", "/ns/net", netif->lower_nsid);
	if (netns < 0)
		return -ENOENT;
	err = netns_read(netns, netif->lower, peer);
	close(netns);
	return err;
}

/* ---------------------------------------------------------- XDP features */

/* linux/netdev.h of Linux 6.3 */
#define NETDEV_FAMILY "netdev"
#define NETDEV_DEV_GET 1
#define NETDEV_IFINDEX 1
#define NETDEV_XDP_FEATURES 3

static struct nlmsghdr *genl_request(void *buf, __u16 family, __u8 command)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	request->nlmsg_type = family;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl = mnl_nlmsg_put_extra_header(request, sizeof(*genl));
	genl->cmd = command;
	genl->version = 1;
	return request;
}

static int family_message(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *attr;

	mnl_attr_for_each(
	    attr, message,
	    sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attr) ==
					   CTRL_ATTR_FAMILY_ID) *
	    (__u16 *)arg = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int features_message(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *attr;

	mnl_attr_for_each(
	    attr, message,
	    sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attr) ==
					       NETDEV_XDP_FEATURES &&
					   mnl_attr_get_payload_len(attr) >=
					       sizeof(__u64)) *
	    (__u64 *)arg = mnl_attr_get_u64(attr);
	return MNL_CB_OK;
}

int hf_netif_xdp_features(int ifindex, __u64 *features)
{
	char buf[MNL_NLMSG_HDRLEN + 128];
	struct nlmsghdr *request;
	__u64 result = 0;
	__u16 family = 0;
	int err;

	request = genl_request(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	err = netlink_ask(NETLINK_GENERIC, request, family_message, &family);
	if (err == -ENOENT || (!err && !family))
		return -EOPNOTSUPP;
	if (err)
		return err;
	request = genl_request(buf, family, NETDEV_DEV_GET);
	mnl_attr_put_u32(request, NETDEV_IFINDEX, ifindex);
	err = netlink_ask(NETLINK_GENERIC, request, features_message, &result);
	if (!err)
		*features = result;
	return err;
}
