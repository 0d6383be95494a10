// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "cli/cli.h"
#include "common/log.h"
#include "common/text.h"
#include "common/world.h"

static const struct cli_option requests_options[] = {{}};

/* How many are read with one system call; more where a bucket of the hash
 * has more than that (ENOSPC). */
#define BATCH 1024U

struct batch {
	struct hf_tuple *keys;
	struct hf_request *requests;
	__u32 room;
};

struct context {
	const struct cli *cli;
	struct cli_stream stream;
	__u64 now;
};

/* ----------------------------------------------------------- one request */

/* "mss 1460 wscale 7/10 sack ts cookie held" */
static char *options_text(char *buf, size_t size, const struct hf_request *r)
{
	static const struct {
		__u8 flag;
		const char *name;
	} names[] = {
	    {HF_REQUEST_SACK, " sack"},
	    {HF_REQUEST_TSTAMP, " ts"},
	    {HF_REQUEST_COOKIE, " cookie"},
	    {HF_REQUEST_HELD, " held"},
	};
	int len = snprintf(buf, size, "mss %u", r->mss);
	size_t i;

	if (r->snd_wscale != HF_WSCALE_NONE)
		len += snprintf(buf + len, size - len, " wscale %u/%u",
				r->snd_wscale, r->rcv_wscale);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (r->flags & names[i].flag)
			len += snprintf(
			    buf + len, size - len, "%s", names[i].name);
	return buf;
}

/* Until the SYN-ACK timer fires: "timer 1.2s", or "due". */
static char *timer_text(char *buf, size_t size, __u64 at, __u64 now)
{
	char duration[HF_TEXT_DURATION_MAX];

	if (at <= now)
		snprintf(buf, size, "due");
	else
		snprintf(
		    buf, size, "%s",
		    hf_text_duration(duration, sizeof(duration), at - now));
	return buf;
}

static void request_print(const struct context *c, const struct hf_tuple *t,
			  const struct hf_request *r)
{
	char tuple[HF_TEXT_TUPLE_MAX], options[96], timer[48], age[48];

	hf_text_duration(age, sizeof(age),
			 c->now > r->synack_ns ? c->now - r->synack_ns : 0);
	printf("%-8s %-47s %7s %7s %3u %s\n",
	       hf_text_request_state(r->word.state),
	       hf_text_tuple(tuple, sizeof(tuple), t), age,
	       timer_text(timer, sizeof(timer), r->timer_ns, c->now),
	       r->num_timeout, options_text(options, sizeof(options), r));
}

/* Seconds from now: below 0 for what is past. */
static double relative(__u64 at, __u64 now)
{
	return ((double)at - (double)now) / 1e9;
}

static json_t *request_json(const struct context *c, const struct hf_tuple *t,
			    const struct hf_request *r)
{
	char client[HF_TEXT_ENDPOINT_MAX], server[HF_TEXT_ENDPOINT_MAX];
	bool scaled = r->snd_wscale != HF_WSCALE_NONE;

	hf_text_endpoint(client, sizeof(client), &t->raddr, t->rport, 0);
	hf_text_endpoint(server, sizeof(server), &t->laddr, t->lport, t->scope);
	return cli_pack(
	    "{s:s, s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:i, s:I, s:I, "
	    "s:i, s:i, s:o, s:o, s:b, s:b, s:b, s:b, s:I, s:I, s:I, s:i}",
	    "state", hf_text_request_state(r->word.state), "client", client,
	    "server", server, "generation", (json_int_t)r->word.generation,
	    "listener", (json_int_t)r->listener, "listener_generation",
	    (json_int_t)r->listener_generation, "synack",
	    relative(r->synack_ns, c->now), "timer",
	    relative(r->timer_ns, c->now), "expires",
	    relative(r->expires_ns, c->now), "retransmissions", r->num_timeout,
	    "irs", (json_int_t)r->irs, "iss", (json_int_t)r->iss, "mss", r->mss,
	    "rcv_wnd", r->rcv_wnd, "snd_wscale",
	    scaled ? json_integer(r->snd_wscale) : json_null(), "rcv_wscale",
	    scaled ? json_integer(r->rcv_wscale) : json_null(), "sack",
	    !!(r->flags & HF_REQUEST_SACK), "timestamps",
	    !!(r->flags & HF_REQUEST_TSTAMP), "cookie",
	    !!(r->flags & HF_REQUEST_COOKIE), "held",
	    !!(r->flags & HF_REQUEST_HELD), "ifindex", (json_int_t)r->ifindex,
	    "l3_ifindex", (json_int_t)r->l3_ifindex, "queue",
	    (json_int_t)r->queue, "vlans", r->vlan_count);
}

static void request_show(struct context *c, const struct hf_tuple *t,
			 const struct hf_request *r)
{
	/* About to be deleted, or not yet written. */
	if (r->word.state == HF_REQUEST_NONE ||
	    r->word.state == HF_REQUEST_DEAD)
		return;
	if (c->cli->json)
		cli_stream_add(&c->stream, request_json(c, t, r));
	else
		request_print(c, t, r);
}

/* -------------------------------------------------------------- the table */

static bool batch_grow(struct batch *b, __u32 room)
{
	void *keys = reallocarray(b->keys, room, sizeof(*b->keys));
	void *requests = NULL;

	if (keys) {
		b->keys = keys;
		requests =
		    reallocarray(b->requests, room, sizeof(*b->requests));
	}
	if (!requests) {
		hf_error("out of memory");
		return false;
	}
	b->requests = requests;
	b->room = room;
	return true;
}

static int requests_each(struct context *c, int map_fd, struct batch *b)
{
	__u32 position, next, count, i;
	bool begun = false;
	int err = 0;

	while (!err) {
		count = b->room;
		err = bpf_map_lookup_batch(map_fd, begun ? &position : NULL,
					   &next, b->keys, b->requests, &count,
					   NULL);
		if (err && errno == ENOSPC && b->room < HF_SYN_TABLE_MAX) {
			if (!batch_grow(b, 2 * b->room))
				return -ENOMEM;
			err = 0;
			continue;
		}
		if (err && errno != ENOENT) /* ENOENT: these were the last */
			return -errno;
		c->now = hf_now_ns();
		for (i = 0; i < count; i++)
			request_show(c, &b->keys[i], &b->requests[i]);
		position = next;
		begun = true;
	}
	return 0;
}

static int requests_run(struct cli *cli)
{
	struct context c = {.cli = cli};
	struct batch batch = {};
	struct hf_world world;
	int err = -ENOMEM;

	if (!cli_world_open(cli, &world))
		return CLI_FAILED;
	if (cli->json)
		cli_stream_begin(&c.stream, cli);
	else
		printf("%-8s %-47s %7s %7s %3s %s\n", "State",
		       "Client > Server", "SynAck", "Timer", "Ret", "Options");
	if (batch_grow(&batch, BATCH))
		err = requests_each(&c, world.maps.syn_table, &batch);
	if (err)
		hf_error(
		    "cannot read %s/syn_table: %s", cli->bpffs, strerror(-err));
	if (cli->json)
		cli_stream_end(&c.stream);
	free(batch.keys);
	free(batch.requests);
	hf_world_close(&world);
	return err ? CLI_FAILED : CLI_OK;
}

const struct cli_command cli_requests = {
    .name = "requests",
    .operands = "",
    .summary = "half-open connections, and those that are handed over",
    .options = requests_options,
    .run = requests_run,
};
