// SPDX-License-Identifier: BSD-2-Clause
/*
 * Taking over the maps of a daemon that died.
 *
 * Its listeners' entries are orphans: applications register again within the
 * grace time, get their entry and with it the requests in syn_table. Until
 * then no ring is published, so XDP passes SYNs to the kernel's listeners and
 * drops the segments of requests, which their clients send again.
 *
 * The fills and the filter are changed by BPF programs only, which run to
 * their end whatever happens to the daemon; they need no recount. acceptq_len
 * does: places of children that were in the making or waited in the dead
 * process are free again. What is in a channel is counted when the
 * application is back.
 */
#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>

#include "common/log.h"
#include "daemon/listener.h"
#include "daemon/sockdiag.h"

static bool orphans[HF_LISTENERS_MAX];

bool restart_has_orphans(void)
{
	for (uint32_t i = 1; i < HF_LISTENERS_MAX; i++)
		if (orphans[i])
			return true;
	return false;
}

static void recount_visit(const struct hf_tuple *key,
			  const struct hf_request *req, void *arg)
{
	struct request_batch *batch = arg;
	struct hf_listener *v;
	struct hf_request_op *op;

	if (req->word.state != HF_REQUEST_ACKED ||
	    req->listener >= HF_LISTENERS_MAX)
		return;
	v = &hfd.listen_table[req->listener];
	if (v->generation != req->listener_generation)
		return;
	v->acceptq_len += v->delivery != HF_DELIVERY_KERNEL;
	/* Its child was made and is an application's by now: the daemon died
	 * before it could delete the request. */
	if (sockdiag_find(key, v->ifindex) == 0) {
		op = request_batch_add(batch, HF_OP_DROP, key);
		op->req.word = req->word;
	}
}

int restart_take_over(void)
{
	struct request_batch batch;
	int err;

	for (uint32_t i = 1; i < HF_LISTENERS_MAX; i++) {
		struct hf_listener *v = &hfd.listen_table[i];

		orphans[i] = v->state != HF_LISTENER_FREE;
		v->acceptq_len = v->acceptq_kernel = 0;
	}
	err = request_batch_init(&batch, 0);
	if (!err)
		err = request_each(recount_visit, &batch);
	if (!err)
		err = request_batch_run(&batch);
	return err;
}

uint32_t restart_claim(const struct hf_listener *want)
{
	for (uint32_t i = 1; i < HF_LISTENERS_MAX; i++) {
		const struct hf_listener *v = &hfd.listen_table[i];

		if (!orphans[i] || v->port != want->port ||
		    v->ifindex != want->ifindex || v->family != want->family ||
		    v->uid != want->uid || v->v6only != want->v6only ||
		    memcmp(&v->addr, &want->addr, sizeof(v->addr)))
			continue;
		orphans[i] = false;
		return i;
	}
	return 0;
}

/* An orphan's entry and indices; its requests go with the timer's visit. */
static void orphan_drop(uint32_t index)
{
	struct hf_listener *v = &hfd.listen_table[index];
	struct hf_port *port = &hfd.port_table[v->port];
	struct hf_listen_key key = {
	    .addr = v->addr,
	    .ifindex = v->ifindex,
	    .port = v->port,
	};

	orphans[index] = false;
	__atomic_store_n((int *)&v->state, HF_LISTENER_FREE, __ATOMIC_RELEASE);
	v->generation++;
	hf_info(
	    "the listener of %s (pid %u) did not come back", v->comm, v->pid);
	/* Only if nobody else took the place in the indices meanwhile. */
	if (port->any4 == index)
		port->any4 = 0;
	if (port->any6 == index)
		port->any6 = 0;
	if (!bpf_map_lookup_elem(hfd.world.maps.listen_hash, &key, &index) &&
	    !hfd.listeners[index] &&
	    !bpf_map_delete_elem(hfd.world.maps.listen_hash, &key) &&
	    port->exact)
		port->exact--;
}

void restart_end_grace(void)
{
	for (uint32_t i = 1; i < HF_LISTENERS_MAX; i++)
		if (orphans[i])
			orphan_drop(i);
}
