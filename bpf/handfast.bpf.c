// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The TCP three-way handshake in XDP: what arrives for a listed port is
 * answered, given to the daemon, or passed on as it came.
 */
#include "base.h"
#include "check.h"
#include "device.h"
#include "recent.h"
#include "reply.h"
#include "listener.h"
#include "request.h"
#include "ehash.h"
#include "syn.h"
#include "ack.h"
#include "inject.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline bool mac_is_ours(struct xdp_md *ctx,
					const struct hf_device *dev)
{
	void *data_end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = (void *)(long)ctx->data;

	return (const void *)(eth + 1) <= data_end && device_has_mac(dev, eth);
}

/* The VLAN device that gets a tagged frame; priority tags are none. */
static __always_inline bool rx_vlan(struct hf_rx *rx)
{
	struct hf_pkt *pkt = rx->pkt;
	struct hf_vlan_key key = {.ifindex = pkt->l3_ifindex};
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
	pkt->l3_ifindex = *upper;
	rx->l3_dev = recent_device(rx->recent, *upper);
	return rx->l3_dev != NULL;
}

/* What the slow paths need to know. False: the frame is not for this host. */
static __always_inline bool rx_init(struct hf_rx *rx, struct xdp_md *ctx,
				    struct hf_pkt *pkt, struct hf_port *port)
{
	rx->ctx = ctx;
	rx->pkt = pkt;
	rx->port = port;
	rx->config = map_one(&config);
	rx->recent = map_one(&recent);
	rx->scratch = map_one(&scratch);
	if (!rx->config || !rx->recent || !rx->scratch)
		return false;
	rx->options = &rx->scratch->options;
	rx->now = recent_now(rx->recent);
	pkt->l3_ifindex = ctx->ingress_ifindex;
	rx->dev = recent_device(rx->recent, pkt->l3_ifindex);
	if (!rx->dev)
		return false;
	rx->l3_dev = rx->dev;
	if (pkt->vlan_count && !rx_vlan(rx))
		return false;
	if (!mac_is_ours(ctx, rx->l3_dev))
		return false;
	if (addr_is_link_local(&pkt->tuple.laddr))
		pkt->tuple.scope = pkt->l3_ifindex;
	return true;
}

static __always_inline bool rx_has_worker(const struct hf_rx *rx)
{
	return device_has_worker(rx->dev, rx->ctx->rx_queue_index);
}

/* Not link-local ones: `deliver` does not know on which device they came; nor
 * those with two tags, of which the kernel takes one off before it, and
 * assigns nothing that is not IP. */
static __always_inline bool delivery_takes(const struct hf_rx *rx)
{
	return rx->config->syncookies && !rx->pkt->tuple.scope &&
	       rx->pkt->vlan_count < 2;
}

static __always_inline int syn_receive(struct hf_rx *rx)
{
	const struct hf_pkt *pkt = rx->pkt;
	struct hf_request *req = NULL;
	struct hf_listener *l;
	__u32 index = 0;
	int read;

	l = listener_find(rx->recent, rx->port, pkt, &index);
	if (!l)
		return XDP_PASS;
	if (l->state == HF_LISTENER_CLOSING)
		return VERDICT(pass_closing);
	if (l->delivery == HF_DELIVERY_KERNEL && !delivery_takes(rx))
		return VERDICT(pass_delivery);
	LISTENER_COUNT(index, syn_recv);
	if (source_is_martian(&pkt->tuple, pkt->ipv6))
		return VERDICT(drop_syn_source);
	read = segment_read(rx->ctx, pkt, rx->options);
	if (read == SEGMENT_MALFORMED)
		return VERDICT(drop_syn_malformed);
	if (rx->options->auth)
		return VERDICT(pass_tcp_auth);
	if (read != SEGMENT_OK)
		return VERDICT(drop_syn_csum);
	if (!rx_has_worker(rx) || rx->dev->draining)
		return syn_without_worker(rx);
	if (rx->config->paused && l->delivery != HF_DELIVERY_KERNEL)
		return VERDICT(drop_paused);
	if (filter_hit(&pkt->tuple))
		req = bpf_map_lookup_elem(&syn_table, &pkt->tuple);
	if (req && rx->now <= req->expires_ns && request_listener(req))
		return syn_known(rx, req);
	if (req)
		request_end(&pkt->tuple, req, request_word_read(req), false);
	return syn_new(rx, l, index);
}

/* Everything but a SYN, on a port where a request or a cookie is possible. */
static __always_inline int segment_receive(struct hf_rx *rx, bool hit)
{
	const struct hf_pkt *pkt = rx->pkt;
	struct hf_request *req = NULL;
	bool worker = rx_has_worker(rx);

	if (hit)
		req = bpf_map_lookup_elem(&syn_table, &pkt->tuple);
	if (req)
		return request_receive(rx, req, worker);
	if (!rx->port->cookies || !worker ||
	    (pkt->flags & (TCP_FLAG_ACK | TCP_FLAG_RST | TCP_FLAG_SYN)) !=
		TCP_FLAG_ACK)
		return SEGMENT_ESTABLISHED;
	return ack_unknown(rx);
}

SEC("xdp.frags")
int handfast_xdp(struct xdp_md *ctx)
{
	bool syn, hit = false;
	struct hf_port *port;
	struct hf_pkt pkt;
	struct hf_rx rx;
	__u32 number;
	int verdict;

	if (!parse(ctx, &pkt))
		return XDP_PASS;
	number = pkt.tuple.lport;
	port = bpf_map_lookup_elem(&port_table, &number);
	if (!port || !(port->any4 | port->any6 | port->exact))
		return XDP_PASS;
	syn = (pkt.flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST |
			    TCP_FLAG_FIN)) == TCP_FLAG_SYN;
	if (!syn && !port->cookies) {
		hit = filter_hit(&pkt.tuple);
		if (!hit)
			return established(ctx, &pkt);
	}
	if (!rx_init(&rx, ctx, &pkt, port))
		return XDP_PASS;
	if (syn)
		return syn_receive(&rx);
	/* Not before: next to the MAC of a cookie, which does not depend on
	 * it, the processor does not wait for a cache miss. */
	if (!hit)
		hit = filter_hit(&pkt.tuple);
	verdict = segment_receive(&rx, hit);
	return verdict == SEGMENT_ESTABLISHED ? established(ctx, &pkt)
					      : verdict;
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

static long request_op_nth(__u32 n, void *first)
{
	__u32 index = *(__u32 *)first + n;
	struct hf_request_op *op;

	op = bpf_map_lookup_elem(&request_batches, &index);
	if (op)
		request_op(op);
	return 0;
}

/*
 * Without CAP_PERFMON, which the daemon does not have, the verifier refuses to
 * add an index to a pointer, so there is a look-up for each; and Linux 6.1
 * refuses loops, as a processor might go round with any count.
 */
SEC("syscall")
int request_ops(struct hf_request_ops *ops)
{
	__u32 first = ops->batch * HF_OPS_MAX;
	__u32 count = ops->count;

	bpf_loop(
	    count < HF_OPS_MAX ? count : HF_OPS_MAX, request_op_nth, &first, 0);
	return 0;
}

/* On the ingress of devices of the daemon's own, where the kernel cannot make
 * connections; where it can, `deliver` stands there. */
SEC("tc")
int inject(struct __sk_buff *skb)
{
	return inject_redirect(skb);
}
