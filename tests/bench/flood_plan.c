// SPDX-License-Identifier: BSD-2-Clause
/* The frames of the flood, with 0 where the BPF program fills in. */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "synflood.h"
#include "tests/tools/frame.h"

#define FRAME_LEN_MIN 60 /* Ethernet's least, without FCS */
#define TCP_OFF (14 + 20)

const char flood_kind_names[] = "syn, syn-bare, ack, ack-bare, rst";

/* MSS 1460, SACK, timestamps, NOP, window scale 7: Linux's own order. */
static const uint8_t options_linux[] = {
    2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7};
static const uint8_t options_tstamp[] = {1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0};

static const struct kind {
	const char *name;
	uint8_t flags;
	const uint8_t *options;
	size_t options_len;
	uint32_t tsval_off; /* in the options, 0: none */
} kinds[] = {
    {"syn", TH_SYN, options_linux, sizeof(options_linux), 8},
    {"syn-bare", TH_SYN, NULL, 0, 0},
    {"ack", TH_ACK, options_tstamp, sizeof(options_tstamp), 4},
    {"ack-bare", TH_ACK, NULL, 0, 0},
    {"rst", TH_RST, NULL, 0, 0},
};

static const struct kind *kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	}
	return NULL;
}

static int template_make(struct flood_template *t, const struct kind *kind,
			 const struct flood_options *opt)
{
	uint8_t buf[FRAME_MAX];
	struct frame f;

	frame_init(&f);
	memcpy(f.smac, opt->smac, sizeof(f.smac));
	memcpy(f.dmac, opt->dmac, sizeof(f.dmac));
	if (!opt->tuples_path) {
		inet_pton(AF_INET, "198.18.0.0", f.src);
		memcpy(f.dst, opt->dst, 4);
		f.dport = opt->port;
	}
	f.flags = kind->flags;
	f.window = kind->flags & TH_RST ? 0 : 64240;
	if (kind->options_len)
		memcpy(f.options, kind->options, kind->options_len);
	f.options_len = kind->options_len;
	f.pad_to = FRAME_LEN_MIN;
	t->len = frame_build(&f, buf, sizeof(buf));
	if (!t->len || t->len > FLOOD_FRAME_MAX)
		return -1;
	memcpy(t->frame, buf, t->len);
	t->ack = !!(kind->flags & TH_ACK);
	if (kind->tsval_off)
		t->tsval_off = TCP_OFF + 20 + kind->tsval_off;
	return 0;
}

static int templates_make(struct flood_plan *plan,
			  const struct flood_options *opt)
{
	for (unsigned int i = 0; i < opt->kinds; i++) {
		const struct kind *kind = kind_find(opt->kind_name[i]);
		struct flood_template *t = &plan->templates[i];

		if (!kind) {
			fprintf(stderr,
				"synflood: no kind '%s'; there are %s\n",
				opt->kind_name[i], flood_kind_names);
			return -1;
		}
		if (template_make(t, kind, opt)) {
			fprintf(stderr, "synflood: frame of %s too long\n",
				kind->name);
			return -1;
		}
		if (t->len > plan->frame_len)
			plan->frame_len = t->len;
	}
	plan->template_count = opt->kinds;
	return 0;
}

/* "SADDR SPORT DADDR DPORT", as a sender of the flow would have them. */
static int tuple_parse(const char *line, struct flood_tuple *t)
{
	char saddr[64], daddr[64];
	unsigned int sport, dport;

	if (sscanf(line, "%63s %u %63s %u", saddr, &sport, daddr, &dport) != 4)
		return -1;
	if (sport > 65535 || dport > 65535 ||
	    inet_pton(AF_INET, saddr, &t->saddr) != 1 ||
	    inet_pton(AF_INET, daddr, &t->daddr) != 1)
		return -1;
	t->sport = htons(sport);
	t->dport = htons(dport);
	return 0;
}

static int tuples_parse(struct flood_plan *plan, FILE *file, const char *path)
{
	char line[256];
	uint32_t n = 0;

	while (fgets(line, sizeof(line), file)) {
		if (n == FLOOD_TUPLES_MAX) {
			fprintf(stderr, "synflood: %s: more than %u lines\n",
				path, FLOOD_TUPLES_MAX);
			return -1;
		}
		if (tuple_parse(line, &plan->tuples[n++])) {
			fprintf(stderr,
				"synflood: %s:%u: not \"SADDR SPORT DADDR "
				"DPORT\" (IPv4)\n",
				path, n);
			return -1;
		}
	}
	if (!n)
		fprintf(stderr, "synflood: %s: no tuples\n", path);
	plan->tuple_count = n;
	return n ? 0 : -1;
}

static int tuples_read(struct flood_plan *plan, const char *path)
{
	FILE *file = fopen(path, "re");
	int err;

	if (!file) {
		fprintf(stderr, "synflood: %s: %s\n", path, strerror(errno));
		return -1;
	}
	plan->tuples = calloc(FLOOD_TUPLES_MAX, sizeof(*plan->tuples));
	err = plan->tuples ? tuples_parse(plan, file, path) : -1;
	fclose(file);
	return err;
}

int flood_plan_make(struct flood_plan *plan, const struct flood_options *opt)
{
	memset(plan, 0, sizeof(*plan));
	if (opt->tuples_path && tuples_read(plan, opt->tuples_path))
		return -1;
	return templates_make(plan, opt);
}
