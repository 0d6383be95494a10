/* SPDX-License-Identifier: BSD-2-Clause */
/* Listeners, for the commands that show them. */
#ifndef HF_CLI_LISTENER_H
#define HF_CLI_LISTENER_H

#include <jansson.h>

#include "common/world.h"

/* Calls visit() for every used slot of listen_table; 0 or -errno, logged. */
int listeners_each(const struct hf_world *world,
		   void (*visit)(__u32 index, const struct hf_listener *l,
				 void *arg),
		   void *arg);

/* Its counters, summed over CPUs; all zero where they cannot be read. */
void listener_stats_read(const struct hf_world *world, __u32 index,
			 struct hf_listener_stats *stats);
json_t *listener_stats_json(const struct hf_listener_stats *stats);
/* One line, "name value" for each. */
void listener_stats_print(const struct hf_listener_stats *stats);

#endif
