// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "cli/cli.h"
#include "cli/listener.h"
#include "common/log.h"

int listeners_each(const struct hf_world *world,
		   void (*visit)(__u32 index, const struct hf_listener *l,
				 void *arg),
		   void *arg)
{
	struct hf_listener l;
	__u32 index;

	for (index = 1; index < HF_LISTENERS_MAX; index++) {
		if (bpf_map_lookup_elem(world->maps.listen_table, &index, &l)) {
			hf_error("cannot read %s/listen_table: %s",
				 world->bpffs, strerror(errno));
			return -errno;
		}
		if (l.state != HF_LISTENER_FREE)
			visit(index, &l, arg);
	}
	return 0;
}

void listener_stats_read(const struct hf_world *world, __u32 index,
			 struct hf_listener_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	hf_percpu_sum(world->maps.listener_stats, index, (__u64 *)stats,
		      sizeof(*stats) / sizeof(__u64));
}

#define STATS(X)                                                               \
	X(syn_recv)                                                            \
	X(synack_state)                                                        \
	X(synack_cookie)                                                       \
	X(acked)                                                               \
	X(acked_cookie)                                                        \
	X(dropped)

#define X(name) +1
_Static_assert(sizeof(struct hf_listener_stats) / sizeof(__u64) == 0 STATS(X),
	       "a counter without a name");
#undef X

json_t *listener_stats_json(const struct hf_listener_stats *stats)
{
	json_t *object = json_object();

#define X(name) json_object_set_new(object, #name, json_integer(stats->name));
	STATS(X)
#undef X
	return object;
}

void listener_stats_print(const struct hf_listener_stats *stats)
{
	const char *blank = "";

#define X(name)                                                                \
	printf("%s" #name " %llu", blank, (unsigned long long)stats->name);    \
	blank = "  ";
	STATS(X)
#undef X
	putchar('\n');
}
