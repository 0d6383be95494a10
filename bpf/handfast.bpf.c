// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The TCP three-way handshake in XDP: what arrives for a listed port is
 * answered, given to the daemon, or passed on as it came.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "handfast/abi.h"
#include "handfast/cookie.h"
#include "handfast/csum.h"
#include "handfast/options.h"
#include "handfast/segment.h"
#include "handfast/seq.h"

#define IP_MF 0x2000
#define IP_OFFSET 0x1fff

#include "maps.h"
#include "count.h"
#include "parse.h"
#include "check.h"
#include "device.h"
#include "reply.h"
#include "listener.h"
#include "request.h"
#include "ehash.h"
#include "syn.h"
#include "ack.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline bool mac_is_ours(const struct hf_pkt *pkt,
					const struct hf_device *dev)
{
	const struct ethhdr *eth = pkt->data;

	return pkt->data + sizeof(*eth) <= pkt->data_end &&
	       device_has_mac(dev, eth);
}

/* The VLAN device that gets a tagged frame; priority tags are none. */
static __always_inline bool rx_vlan(struct hf_rx *rx)
{
	const struct hf_pkt *pkt = rx->pkt;
	struct hf_vlan_key key = {.ifindex = rx->l3_ifindex};
	__u16 outer = bpf_ntohs(pkt->vlan_tci[0]) & VLAN_VID_MASK;
	__u16 inner = 0;
	__u32 *upper;

	if (pkt->vlan_count > 1)
		inner = bpf_ntohs(pkt->vlan_tci[1]) & VLAN_VID_MASK;
	if (!outer && !inner)
		return true;
	key.proto[0] = outer ? pkt->vlan_proto[0] : pkt->vlan_proto[1];
	key.vid[0] = outer ?: inner;
	if (outer && inner) {
		key.proto[1] = pkt->vlan_proto[1];
		key.vid[1] = inner;
	}
	upper = bpf_map_lookup_elem(&vlans, &key);
	if (!upper)
		return false;
	rx->l3_ifindex = *upper;
	rx->l3_dev = bpf_map_lookup_elem(&devices, upper);
	return rx->l3_dev != NULL;
}

/* What the slow paths need to know. False: the frame is not for this host. */
static __always_inline bool rx_init(struct hf_rx *rx, struct xdp_md *ctx,
				    struct hf_pkt *pkt, struct hf_port *port)
{
	__u32 ifindex = ctx->ingress_ifindex;

	rx->ctx = ctx;
	rx->pkt = pkt;
	rx->port = port;
	rx->flow_hash = 0;
	rx->l3_ifindex = ifindex;
	rx->config = map_one(&config);
	rx->keys = map_one(&keys);
	rx->dev = bpf_map_lookup_elem(&devices, &ifindex);
	if (!rx->config || !rx->keys || !rx->dev)
		return false;
	rx->l3_dev = rx->dev;
	if (pkt->vlan_count && !rx_vlan(rx))
		return false;
	if (!mac_is_ours(pkt, rx->l3_dev))
		return false;
	if (addr_is_link_local(&pkt->tuple.laddr))
		pkt->tuple.scope = rx->l3_ifindex;
	rx->header = tcp_header_len(pkt);
	rx->now = bpf_ktime_get_ns();
	return true;
}

static __always_inline bool rx_options(struct hf_rx *rx)
{
	return options_read(rx->ctx, rx->pkt->l4_off + sizeof(struct tcphdr),
			    rx->header - sizeof(struct tcphdr),
			    &rx->options) == 0;
}

static __always_inline bool rx_has_worker(const struct hf_rx *rx)
{
	return device_has_worker(rx->dev, rx->ctx->rx_queue_index);
}

static __noinline int syn_receive(struct xdp_md *ctx, struct hf_pkt *pkt,
				  struct hf_port *port)
{
	struct hf_request *req = NULL;
	struct hf_listener *l;
	struct hf_rx rx;
	__u32 index = 0;

	if (!rx_init(&rx, ctx, pkt, port))
		return XDP_PASS;
	rx.flow_hash = flow_hash(&pkt->tuple, pkt->ipv6);
	l = listener_find(port, &pkt->tuple, pkt->ipv6, rx.l3_ifindex,
			  (__u32)rx.flow_hash, &index);
	if (!l)
		return XDP_PASS;
	if (l->state == HF_LISTENER_CLOSING)
		return VERDICT(pass_closing);
	LISTENER_COUNT(index, syn_recv);
	if (source_is_martian(&pkt->tuple, pkt->ipv6))
		return VERDICT(drop_syn_source);
	if (!rx.header || !rx_options(&rx))
		return VERDICT(drop_syn_malformed);
	if (rx.options.auth)
		return VERDICT(pass_tcp_auth);
	if (!csum_ok(ctx, pkt))
		return VERDICT(drop_syn_csum);
	if (!rx_has_worker(&rx) || rx.dev->draining)
		return syn_without_worker(&rx);
	if (rx.config->paused)
		return VERDICT(drop_paused);
	if (filter_hit(&pkt->tuple))
		req = bpf_map_lookup_elem(&syn_table, &pkt->tuple);
	if (req && rx.now <= req->expires_ns && request_listener(req))
		return syn_known(&rx, req);
	if (req)
		request_end(&pkt->tuple, req, request_word_read(req), false);
	return syn_new(&rx, l, index);
}

/* Everything but a SYN, on a port where a request or a cookie is possible. */
static __noinline int segment_receive(struct xdp_md *ctx, struct hf_pkt *pkt,
				      struct hf_port *port, bool hit)
{
	struct hf_request *req = NULL;
	struct hf_rx rx;
	bool worker;

	if (!rx_init(&rx, ctx, pkt, port) || !rx.header)
		return XDP_PASS;
	worker = rx_has_worker(&rx);
	if (hit)
		req = bpf_map_lookup_elem(&syn_table, &pkt->tuple);
	if (!req && (!port->cookies || !worker ||
		     (pkt->flags & (TCP_FLAG_ACK | TCP_FLAG_RST |
				    TCP_FLAG_SYN)) != TCP_FLAG_ACK))
		return established(ctx, pkt);
	if (!rx_options(&rx))
		return XDP_PASS;
	if (req)
		return request_receive(&rx, req, worker);
	return cookie_receive(&rx);
}

SEC("xdp.frags")
int handfast_xdp(struct xdp_md *ctx)
{
	struct hf_port *port;
	struct hf_pkt pkt;
	__u32 number;
	bool hit;

	if (!parse(ctx, &pkt))
		return XDP_PASS;
	number = bpf_ntohs(pkt.tcp->dest);
	port = bpf_map_lookup_elem(&port_table, &number);
	if (!port || !(port->any4 | port->any6 | port->exact))
		return XDP_PASS;
	if ((pkt.flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST |
			  TCP_FLAG_FIN)) == TCP_FLAG_SYN)
		return syn_receive(ctx, &pkt, port);
	hit = filter_hit(&pkt.tuple);
	if (!hit && !port->cookies)
		return established(ctx, &pkt);
	return segment_receive(ctx, &pkt, port, hit);
}

/* ----------------------------------------------- the daemon's programs */

static __always_inline int op_resent(struct hf_request *req,
				     const struct hf_request *with)
{
	req->timer_ns = with->timer_ns;
	req->num_timeout++;
	if (with->synack_ns) {
		req->synack_ns = with->synack_ns;
		req->tsval_last = with->tsval_last;
	}
	return 0;
}

static __always_inline void request_op(struct hf_request_op *op)
{
	union request_word want = {.word = op->req.word};
	union request_word have;
	struct hf_request *req;

	op->result = -ENOENT;
	req = bpf_map_lookup_elem(&syn_table, &op->key);
	if (!req)
		return;
	have.bits = request_word_read(req);
	if (op->op == HF_OP_GET) {
		__builtin_memcpy(&op->req, req, sizeof(*req));
		op->result = 0;
		return;
	}
	if (have.bits != want.bits)
		return;
	if (op->op == HF_OP_RESENT)
		op->result = op_resent(req, &op->req);
	else if (request_end(&op->key, req, have.bits, op->op == HF_OP_FINISH))
		op->result = 0;
}

/* A look-up for each: without CAP_PERFMON, which the daemon does not have, the
 * verifier refuses to add an index to a pointer. */
SEC("syscall")
int request_ops(struct hf_request_ops *ops)
{
	__u32 first = ops->batch * HF_OPS_MAX;
	__u32 count = ops->count;

	for (__u32 i = 0; i < HF_OPS_MAX; i++) {
		__u32 index = first + i;
		struct hf_request_op *op;

		if (i >= count)
			break;
		op = bpf_map_lookup_elem(&request_batches, &index);
		if (op)
			request_op(op);
	}
	return 0;
}

/*
 * On the ingress of an injection device: the frame goes on as if it had
 * come in on the device that it was redirected from.
 */
SEC("tc")
int inject(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;
	__u32 *target = bpf_map_lookup_elem(&inject_targets, &ifindex);

	if (!target)
		return TC_ACT_OK;
	return bpf_redirect(*target, BPF_F_INGRESS);
}
