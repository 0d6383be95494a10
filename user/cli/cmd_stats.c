// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "cli/cli.h"
#include "cli/listener.h"
#include "common/log.h"
#include "common/text.h"
#include "common/world.h"

static const struct cli_option stats_options[] = {
    {'a', "all", NULL, "counters that are zero too (JSON has them always)"},
    {'l', "listeners", NULL, "counters of each listener too"},
    {},
};

struct stats {
	__u64 reasons[HF_REASON_COUNT];
	__u64 daemon[HF_DAEMON_COUNTER_COUNT];
};

static int stats_read(const struct hf_world *world, struct stats *stats)
{
	__u32 zero = 0;
	int err;

	err = hf_percpu_sum(
	    world->maps.stats, 0, stats->reasons, HF_REASON_COUNT);
	if (!err &&
	    bpf_map_lookup_elem(world->maps.daemon_stats, &zero, stats->daemon))
		err = -errno;
	if (err)
		hf_error("cannot read the counters in %s: %s", world->bpffs,
			 strerror(-err));
	return err;
}

/* ------------------------------------------------------------------ JSON */

static json_t *counters_json(const struct hf_text_counter *names,
			     const __u64 *values, size_t n)
{
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < n; i++)
		json_object_set_new(
		    object, names[i].name, json_integer((json_int_t)values[i]));
	return object;
}

/* What the names stand for. */
static json_t *meaning_json(void)
{
	const struct hf_text_counter *r;
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < HF_REASON_COUNT; i++) {
		r = &hf_text_reasons[i];
		json_object_set_new(object, r->name,
				    cli_pack("{s:s, s:s}", "verdict",
					     r->verdict, "text", r->text));
	}
	for (i = 0; i < HF_DAEMON_COUNTER_COUNT; i++) {
		r = &hf_text_daemon_counters[i];
		json_object_set_new(
		    object, r->name, cli_pack("{s:s}", "text", r->text));
	}
	return object;
}

struct listeners {
	const struct hf_world *world;
	json_t *list; /* NULL: text */
};

static void listener_show(__u32 index, const struct hf_listener *l, void *arg)
{
	struct listeners *listeners = arg;
	struct hf_listener_stats stats;
	char local[HF_TEXT_ENDPOINT_MAX];

	listener_stats_read(listeners->world, index, &stats);
	hf_text_listener(local, sizeof(local), l);
	if (listeners->list) {
		json_array_append_new(
		    listeners->list,
		    cli_pack("{s:I, s:s, s:o}", "index", (json_int_t)index,
			     "local", local, "stats",
			     listener_stats_json(&stats)));
		return;
	}
	printf("\n%s\n  ", local);
	listener_stats_print(&stats);
}

static int stats_json(const struct cli *cli, const struct hf_world *world,
		      const struct stats *stats)
{
	struct listeners listeners = {.world = world};
	json_t *root;
	int err = 0;

	root = cli_pack(
	    "{s:o, s:o, s:o}", "xdp",
	    counters_json(hf_text_reasons, stats->reasons, HF_REASON_COUNT),
	    "daemon",
	    counters_json(hf_text_daemon_counters, stats->daemon,
			  HF_DAEMON_COUNTER_COUNT),
	    "meaning", meaning_json());
	if (cli_value(cli, "listeners")) {
		listeners.list = json_array();
		err = listeners_each(world, listener_show, &listeners);
		json_object_set_new(root, "listeners", listeners.list);
	}
	cli_json_print(cli, root);
	return err;
}

/* ------------------------------------------------------------------ text */

static void counters_rows(struct cli_table *table,
			  const struct hf_text_counter *names,
			  const __u64 *values, size_t n, bool all)
{
	char value[24];
	size_t i;

	for (i = 0; i < n; i++) {
		if (!values[i] && !all)
			continue;
		snprintf(value, sizeof(value), "%llu",
			 (unsigned long long)values[i]);
		cli_table_row(
		    table,
		    (const char *[]){names[i].name, value,
				     names[i].verdict ? names[i].verdict : "-",
				     names[i].text});
	}
}

static int stats_text(const struct cli *cli, const struct hf_world *world,
		      const struct stats *stats)
{
	static const char *const head[] = {
	    "Counter", "Value", "Verdict", "What"};
	struct cli_table *table = cli_table_new(head, 4);
	struct listeners listeners = {.world = world};
	bool all = cli_value(cli, "all");

	counters_rows(
	    table, hf_text_reasons, stats->reasons, HF_REASON_COUNT, all);
	counters_rows(table, hf_text_daemon_counters, stats->daemon,
		      HF_DAEMON_COUNTER_COUNT, all);
	cli_table_print(table);
	if (!cli_value(cli, "listeners"))
		return 0;
	return listeners_each(world, listener_show, &listeners);
}

static int stats_run(struct cli *cli)
{
	struct hf_world world;
	struct stats stats;
	int err;

	if (!cli_world_open(cli, &world))
		return CLI_FAILED;
	err = stats_read(&world, &stats);
	if (!err && cli->json)
		err = stats_json(cli, &world, &stats);
	else if (!err)
		err = stats_text(cli, &world, &stats);
	hf_world_close(&world);
	return err ? CLI_FAILED : CLI_OK;
}

const struct cli_command cli_stats = {
    .name = "stats",
    .operands = "",
    .summary = "what happened to frames, by reason",
    .options = stats_options,
    .run = stats_run,
};
