// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
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

/* What a look-up ended at. The kernel's ends at the listener, if there is no
 * socket of the flow. */
struct found {
	bool flow;
	__u32 cookie[2];
};

static int found_visit(const struct nlmsghdr *nlh, void *arg)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct found *found = arg;

	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return MNL_CB_OK;
	found->flow = msg->idiag_state != TCP_LISTEN;
	memcpy(found->cookie, msg->id.idiag_cookie, sizeof(found->cookie));
	return MNL_CB_OK;
}

static int find(const struct hf_tuple *tuple, __u32 ifindex,
		struct found *found)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	int err;

	found->flow = false;
	request_fill(nlh, SOCK_DIAG_BY_FAMILY, 0, tuple, ifindex);
	err = netlink_call(NETLINK_SOCK_DIAG, nlh, found_visit, found);
	return err ? err : found->flow ? 0 : -ENOENT;
}

int sockdiag_find(const struct hf_tuple *tuple, __u32 ifindex)
{
	struct found found;

	return find(tuple, ifindex, &found);
}

/* By its cookie: should it be gone meanwhile, the listener may not go for it.
 */
int sockdiag_destroy(const struct hf_tuple *tuple, __u32 ifindex)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *req;
	struct found found;
	int err = find(tuple, ifindex, &found);

	if (err)
		return err;
	request_fill(nlh, SOCK_DESTROY, NLM_F_ACK, tuple, ifindex);
	req = mnl_nlmsg_get_payload(nlh);
	memcpy(req->id.idiag_cookie, found.cookie, sizeof(found.cookie));
	return netlink_call(NETLINK_SOCK_DIAG, nlh, NULL, NULL);
}
