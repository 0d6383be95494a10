// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

#include "daemon/device.h"
#include "daemon/frame.h"
#include "daemon/sockdiag.h"

static void request_fill(struct nlmsghdr *nlh, uint16_t type, uint16_t flags,
			 const struct hf_tuple *t, __u32 ifindex)
{
	struct inet_diag_req_v2 *req;
	bool ipv4 = tuple_is_ipv4(t);
	size_t skip = ipv4 ? 12 : 0;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
	req->sdiag_family = ipv4 ? AF_INET : AF_INET6;
	req->sdiag_protocol = IPPROTO_TCP;
	req->idiag_states = 0xffffffff;
	req->id.idiag_sport = htons(t->lport);
	req->id.idiag_dport = htons(t->rport);
	memcpy(req->id.idiag_src, t->laddr.b + skip, 16 - skip);
	memcpy(req->id.idiag_dst, t->raddr.b + skip, 16 - skip);
	req->id.idiag_if = ifindex ? ifindex : t->scope;
	req->id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	req->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

static int call(uint16_t type, uint16_t flags, const struct hf_tuple *tuple,
		__u32 ifindex)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	request_fill(nlh, type, flags, tuple, ifindex);
	return netlink_call(NETLINK_SOCK_DIAG, nlh);
}

int sockdiag_destroy(const struct hf_tuple *tuple, __u32 ifindex)
{
	return call(SOCK_DESTROY, NLM_F_ACK, tuple, ifindex);
}

int sockdiag_find(const struct hf_tuple *tuple, __u32 ifindex)
{
	return call(SOCK_DIAG_BY_FAMILY, 0, tuple, ifindex);
}
