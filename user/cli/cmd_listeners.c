// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "cli/cli.h"
#include "cli/listener.h"
#include "common/text.h"
#include "common/world.h"

static const struct cli_option listeners_options[] = {
    {'s', "stats", NULL, "counters of each listener too"},
    {},
};

struct context {
	const struct cli *cli;
	const struct hf_world *world;
	struct cli_stream *stream; /* JSON */
	struct cli_table *table;   /* text */
	bool stats;
	__u64 now;
	__u64 lifetime; /* of a cookie: two key epochs */
};

/* The program notes the time at most once in 2^30 ns. */
#define SENDING_NS (2ULL << 30)

/* When cookies were sent: in this spell, or not of late. */
struct spell {
	bool lately;  /* within a cookie's lifetime: they are accepted */
	bool sending; /* just now */
	__u64 since_ns, last_ns; /* ago */
};

static struct spell spell_of(const struct context *c,
			     const struct hf_listener *l)
{
	struct spell s = {};

	if (!l->cookie_last_ns || l->cookie_last_ns > c->now)
		return s;
	s.last_ns = c->now - l->cookie_last_ns;
	s.lately = s.last_ns <= c->lifetime;
	s.sending = s.last_ns <= SENDING_NS;
	if (l->cookie_since_ns < c->now)
		s.since_ns = c->now - l->cookie_since_ns;
	return s;
}

static json_t *seconds(bool known, __u64 ns)
{
	return known ? json_real(ns / 1e9) : json_null();
}

static json_t *listener_json(const struct context *c, __u32 index,
			     const struct hf_listener *l)
{
	char address[INET6_ADDRSTRLEN], text[HF_TEXT_ENDPOINT_MAX];
	char comm[CLI_TEXT_MAX], device[IF_NAMESIZE] = "";
	struct spell spell = spell_of(c, l);

	cli_printable(comm, sizeof(comm), l->comm, sizeof(l->comm));
	if (l->ifindex && !if_indextoname(l->ifindex, device))
		snprintf(device, sizeof(device), "%u", l->ifindex);
	return cli_pack(
	    "{s:I, s:I, s:s, s:s, s:s, s:i, s:s, s:b, s:s, s:I, s:I, s:I, "
	    "s:I, s:s, s:b, s:o, s:o, s:s, s:s, s:i, s:i, s:I, s:s, s:I}",
	    "index", (json_int_t)index, "generation", (json_int_t)l->generation,
	    "state", hf_text_listener_state(l->state), "local",
	    hf_text_listener(text, sizeof(text), l), "address",
	    hf_text_addr(address, sizeof(address), &l->addr), "port", l->port,
	    "family", l->family == AF_INET ? "inet" : "inet6", "v6only",
	    l->v6only, "device", device, "backlog", (json_int_t)l->backlog,
	    "acceptq", (json_int_t)l->acceptq_len + l->acceptq_kernel, "synq",
	    (json_int_t)l->synq_len, "synq_max", (json_int_t)l->synq_max,
	    "cookies", hf_text_cookies(l->cookies), "cookies_sending",
	    spell.sending, "cookies_since",
	    seconds(spell.lately, spell.since_ns), "cookies_last",
	    seconds(spell.last_ns, spell.last_ns), "delivery",
	    hf_text_delivery(l->delivery), "overflow",
	    hf_text_overflow(l->overflow), "rcv_wscale", l->rcv_wscale,
	    "user_mss", l->user_mss, "pid", (json_int_t)l->pid, "comm", comm,
	    "uid", (json_int_t)l->uid);
}

static const char *spell_text(const struct context *c,
			      const struct hf_listener *l, char *buf,
			      size_t size)
{
	struct spell spell = spell_of(c, l);
	char duration[HF_TEXT_DURATION_MAX];

	if (!spell.lately)
		return "-";
	hf_text_duration(duration, sizeof(duration),
			 spell.sending ? spell.since_ns : spell.last_ns);
	snprintf(
	    buf, size, spell.sending ? "sent for %s" : "last %s ago", duration);
	return buf;
}

static void listener_row(struct context *c, const struct hf_listener *l)
{
	char local[HF_TEXT_ENDPOINT_MAX], backlog[12], acceptq[12], synq[24];
	char spell[64], process[CLI_TEXT_MAX + 16], comm[CLI_TEXT_MAX];

	snprintf(backlog, sizeof(backlog), "%u", l->backlog);
	snprintf(
	    acceptq, sizeof(acceptq), "%u", l->acceptq_len + l->acceptq_kernel);
	snprintf(synq, sizeof(synq), "%u/%u", l->synq_len, l->synq_max);
	cli_printable(comm, sizeof(comm), l->comm, sizeof(l->comm));
	snprintf(process, sizeof(process), "%s/%u", comm, l->pid);
	cli_table_row(
	    c->table,
	    (const char *[]){hf_text_listener_state(l->state),
			     hf_text_listener(local, sizeof(local), l), backlog,
			     acceptq, synq, hf_text_cookies(l->cookies),
			     spell_text(c, l, spell, sizeof(spell)),
			     hf_text_delivery(l->delivery),
			     hf_text_overflow(l->overflow), process});
}

static void listener_show(__u32 index, const struct hf_listener *l, void *arg)
{
	struct hf_listener_stats stats;
	struct context *c = arg;
	char local[HF_TEXT_ENDPOINT_MAX];
	json_t *object;

	if (c->stats)
		listener_stats_read(c->world, index, &stats);
	if (c->stream) {
		object = listener_json(c, index, l);
		if (c->stats)
			json_object_set_new(
			    object, "stats", listener_stats_json(&stats));
		cli_stream_add(c->stream, object);
	} else if (c->table) {
		listener_row(c, l);
	} else {
		printf("\n%s\n  ", hf_text_listener(local, sizeof(local), l));
		listener_stats_print(&stats);
	}
}

/* The table, then the counters: their lines would tear it apart. */
static int listeners_text(struct context *c)
{
	static const char *const head[] = {
	    "State",   "Local", "Backlog",  "AcceptQ",  "SynQ",
	    "Cookies", "Spell", "Delivery", "Overflow", "Process"};
	int err;

	c->table = cli_table_new(head, sizeof(head) / sizeof(head[0]));
	err = listeners_each(c->world, listener_show, c);
	cli_table_print(c->table);
	c->table = NULL;
	if (!err && c->stats)
		err = listeners_each(c->world, listener_show, c);
	return err;
}

static int listeners_json(struct context *c)
{
	struct cli_stream stream;
	int err;

	c->stream = &stream;
	cli_stream_begin(&stream, c->cli);
	err = listeners_each(c->world, listener_show, c);
	cli_stream_end(&stream);
	return err;
}

static int listeners_run(struct cli *cli)
{
	struct context c = {.cli = cli, .stats = cli_value(cli, "stats")};
	struct hf_config config;
	struct hf_world world;
	__u32 zero = 0;
	int err;

	if (!cli_world_open(cli, &world))
		return CLI_FAILED;
	c.world = &world;
	c.now = hf_now_ns();
	if (!bpf_map_lookup_elem(world.maps.config, &zero, &config))
		c.lifetime = 2 * config.key_epoch_ns;
	err = cli->json ? listeners_json(&c) : listeners_text(&c);
	hf_world_close(&world);
	return err ? CLI_FAILED : CLI_OK;
}

const struct cli_command cli_listeners = {
    .name = "listeners",
    .operands = "",
    .summary = "listening sockets, as 'ss -lt' shows the kernel's",
    .options = listeners_options,
    .run = listeners_run,
};
