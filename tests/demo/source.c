// SPDX-License-Identifier: BSD-2-Clause
/* Samples: shared totals of flood and client, the kernel's and our counters. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "handfast/abi.h"
#include "watch.h"

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* A counter of /proc/net/netstat: a line of names, then one of values. */
static uint64_t netstat(const char *counter)
{
	char names[8192], values[8192];
	char *name, *value, *names_at, *values_at;
	FILE *f = fopen("/proc/self/net/netstat", "re");
	uint64_t found = 0;

	while (f && fgets(names, sizeof(names), f) &&
	       fgets(values, sizeof(values), f)) {
		name = strtok_r(names, " \n", &names_at);
		value = strtok_r(values, " \n", &values_at);
		while (name && value) {
			if (!strcmp(name, counter))
				found = strtoull(value, NULL, 10);
			name = strtok_r(NULL, " \n", &names_at);
			value = strtok_r(NULL, " \n", &values_at);
		}
	}
	if (f)
		fclose(f);
	return found;
}

/* The kernel counts its cookies; what else was answered had a request. */
static void sample_kernel(const struct source *source, struct sample *s)
{
	s->by_cookie = netstat("SyncookiesSent");
	if (s->flood.synack > s->by_cookie)
		s->by_state = s->flood.synack - s->by_cookie;
	diag_half_open(source->port, &s->half_open);
	diag_acceptq(source->port, &s->acceptq);
}

static int pin_open(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return bpf_obj_get(path);
}

static void maps_open(struct source *source)
{
	if (source->stats >= 0)
		return;
	source->fills = pin_open(source->bpffs, "fills");
	source->stats = pin_open(source->bpffs, "stats");
	source->daemon_stats = pin_open(source->bpffs, "daemon_stats");
	source->listen_table = pin_open(source->bpffs, "listen_table");
}

void source_close(struct source *source)
{
	int *fds[] = {&source->fills, &source->stats, &source->daemon_stats,
		      &source->listen_table};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static void stats_sum(int fd, struct hf_stats *sum)
{
	int cpus = libbpf_num_possible_cpus();
	struct hf_stats *stats = calloc(cpus > 0 ? cpus : 1, sizeof(*stats));
	__u32 zero = 0;

	if (stats && cpus > 0 && !bpf_map_lookup_elem(fd, &zero, stats)) {
		for (int i = 0; i < cpus; i++) {
			for (size_t r = 0; r < HF_REASON_COUNT; r++)
				((__u64 *)sum)[r] += ((__u64 *)&stats[i])[r];
		}
	}
	free(stats);
}

static void sample_handfast(struct source *source, struct sample *s)
{
	struct hf_daemon_stats daemon = {};
	struct hf_stats stats = {};
	struct hf_fills fills = {};
	__u32 zero = 0;

	maps_open(source);
	if (source->stats < 0)
		return;
	stats_sum(source->stats, &stats);
	bpf_map_lookup_elem(source->daemon_stats, &zero, &daemon);
	bpf_map_lookup_elem(source->fills, &zero, &fills);
	s->by_cookie = stats.synack_cookie;
	s->by_state =
	    stats.synack_state + stats.synack_again + daemon.synack_retrans;
	s->half_open = fills.half_open;
	for (__u32 i = 1; i < HF_LISTENERS_MAX; i++) {
		struct hf_listener l;

		if (bpf_map_lookup_elem(source->listen_table, &i, &l))
			break;
		if (l.port == source->port && l.state == HF_LISTENER_LISTENING)
			s->acceptq += l.acceptq_len;
	}
}

void source_sample(struct source *source, struct sample *s)
{
	memset(s, 0, sizeof(*s));
	s->ns = now_ns();
	if (source->flood)
		s->flood = *source->flood;
	if (source->client)
		s->client = *source->client;
	if (source->handfast)
		sample_handfast(source, s);
	else
		sample_kernel(source, s);
}
