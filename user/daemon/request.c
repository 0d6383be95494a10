// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "daemon/daemon.h"
#include "handfast.skel.h"

#define EACH_BATCH 512U

int request_batch_init(struct request_batch *batch, uint32_t slot)
{
	if (slot >= HF_BATCHES_MAX)
		return -ENOSPC;
	batch->slot = slot;
	batch->op = &hfd.batches[slot * HF_OPS_MAX];
	batch->count = 0;
	return 0;
}

struct hf_request_op *request_batch_add(struct request_batch *batch,
					enum hf_op op,
					const struct hf_tuple *key)
{
	struct hf_request_op *entry;

	if (batch->count == HF_OPS_MAX)
		request_batch_run(batch);
	entry = &batch->op[batch->count++];
	memset(entry, 0, sizeof(*entry));
	entry->key = *key;
	entry->op = op;
	return entry;
}

int request_batch_run(struct request_batch *batch)
{
	struct hf_request_ops ctx = {
	    .batch = batch->slot, .count = batch->count};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));
	int err = 0;

	if (!batch->count)
		return 0;
	if (bpf_prog_test_run_opts(
		bpf_program__fd(hfd.world.skel->progs.request_ops), &opts))
		err = -errno;
	batch->count = 0;
	return err;
}

int request_each(void (*visit)(const struct hf_tuple *key,
			       const struct hf_request *req, void *arg),
		 void *arg)
{
	static struct hf_tuple keys[EACH_BATCH];
	static struct hf_request values[EACH_BATCH];
	int fd = hfd.world.maps.syn_table;
	__u32 at, next;
	bool first = true;
	int err = 0;

	/* The main thread's alone: hence the static buffers. */
	while (!err) {
		__u32 n = EACH_BATCH;

		if (bpf_map_lookup_batch(
			fd, first ? NULL : &at, &next, keys, values, &n, NULL))
			err = -errno;
		if (err && err != -ENOENT)
			return err;
		for (__u32 i = 0; i < n; i++)
			visit(&keys[i], &values[i], arg);
		at = next;
		first = false;
	}
	return 0;
}
