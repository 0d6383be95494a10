// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/bpf.h>
#include <errno.h>
#include <getopt.h>
#include <linux/bpf.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "packet.h"
#include "harness.skel.h"
#include "refs.skel.h"

#define RUNS 11U
#define LISTENERS_MAX 1024U
#define ROUNDS 16384U      /* a test run: as many as there are flows */
#define TRIES 5            /* test runs a run: the fastest one counts */
#define SYNPROXY_SYNACKS 1 /* index in its map `values` */

static uint64_t synproxy_synacks(const struct bench *b)
{
	struct bpf_object *obj = b->target[TARGET_SYNPROXY].obj;
	__u32 key = SYNPROXY_SYNACKS;
	__u64 n = 0;

	bpf_map_lookup_elem(
	    bpf_object__find_map_fd_by_name(obj, "values"), &key, &n);
	return n;
}

static int synproxy_ports(const struct bench *b)
{
	struct bpf_object *obj = b->target[TARGET_SYNPROXY].obj;
	__u16 port = BENCH_PORT;
	__u32 key = 0;

	return bpf_map_update_elem(
	    bpf_object__find_map_fd_by_name(obj, "allowed_ports"), &key, &port,
	    BPF_ANY);
}

/* What a run should have counted, before and after it. */
static uint64_t counted(const struct bench *b, const struct bench_case *c)
{
	if (c->target == TARGET_SYNPROXY && c->verdict == XDP_TX)
		return synproxy_synacks(b);
	return c->target == TARGET_HANDFAST && c->reason >= 0
		   ? world_count(b, c->reason)
		   : 0;
}

static bool counts(const struct bench_case *c)
{
	return (c->target == TARGET_SYNPROXY && c->verdict == XDP_TX) ||
	       (c->target == TARGET_HANDFAST && c->reason >= 0);
}

static int control_check(const struct bench_case *c,
			 const struct harness_control *control)
{
	if (!control->wrong && !control->missed)
		return 0;
	fprintf(stderr,
		"packet: %s: %llu wrong verdicts (%d in place of %d), %llu "
		"rounds without the request that was expected\n",
		c->name, (unsigned long long)control->wrong,
		control->verdict_seen, control->verdict,
		(unsigned long long)control->missed);
	return -1;
}

static int run_check(struct bench *b, const struct bench_case *c, bool random,
		     uint32_t rounds, uint64_t count)
{
	const struct harness_control *control =
	    &b->target[c->target].harness->bss->control;

	if (control_check(c, control))
		return -1;
	if (counts(c) && count != rounds) {
		fprintf(stderr, "packet: %s: counted %llu times in %u rounds\n",
			c->name, (unsigned long long)count, rounds);
		return -1;
	}
	if (c->target != TARGET_HANDFAST || (c->undo && !random))
		return 0; /* undone: the wrapper has looked */
	if (!random)
		return world_check(b, c, 1);
	return world_check(
	    b, c, b->flows[c->flows] < ROUNDS ? b->flows[c->flows] : ROUNDS);
}

static void control_set(struct bench *b, const struct bench_case *c,
			bool random)
{
	struct bench_target *t = &b->target[c->target];
	struct harness_control *control = &t->harness->bss->control;

	*control = (struct harness_control){
	    .frame_count = random ? BENCH_FLOWS : 1,
	    .verdict = c->verdict,
	};
	memcpy(t->frames, c->frames[random],
	       control->frame_count * sizeof(*t->frames));
	if (random || !c->undo)
		return;
	control->undo = c->undo;
	if (c->undo == HARNESS_UNDO_CLOCK)
		return;
	control->undo_state =
	    c->after == AFTER_ACKED ? HF_REQUEST_ACKED : HF_REQUEST_SYN_RECV;
	world_tuple(b, &b->flow[c->flows][0], &control->undo_key);
	control->undo_request = *world_request(b, 0);
}

static int run_once(struct bench *b, struct bench_case *c, bool random,
		    bool set, double *ns)
{
	struct harness_control *control =
	    &b->target[c->target].harness->bss->control;
	uint64_t before;
	double all;

	if (set && world_set(b, &c->state))
		return -1;
	control_set(b, c, random);
	before = counted(b, c);
	if (target_run(b, c->target, ROUNDS, &all))
		return -1;
	*ns = all;
	if (control->undo)
		*ns -= (double)control->undo_ns / ROUNDS + b->clock_ns;
	return run_check(b, c, random, ROUNDS, counted(b, c) - before);
}

/* Whatever else the machine does only ever makes a run slower. */
static int run_case(struct bench *b, struct bench_case *c, bool random,
		    double *least)
{
	double ns;

	*least = HUGE_VAL;
	for (int i = 0; i < TRIES; i++) {
		/* A case that has nothing to undo leaves the maps as they are.
		 */
		bool set = c->target == TARGET_HANDFAST && (!i || c->undo);

		if (run_once(b, c, random, set, &ns))
			return -1;
		if (ns < *least)
			*least = ns;
	}
	return 0;
}

/* What reading the clock twice costs, beyond what it reads of itself. */
static int clock_calibrate(struct bench *b)
{
	struct bench_case plain = bench_cases[0], timed = plain;
	double with, without;

	timed.undo = HARNESS_UNDO_CLOCK;
	b->clock_ns = 0;
	if (run_case(b, &plain, false, &without) ||
	    run_case(b, &timed, false, &with))
		return -1;
	if (with > without)
		b->clock_ns = with - without;
	return 0;
}

static int run_all(struct bench *b)
{
	int failed = 0;

	for (uint32_t run = 0; run < b->runs; run++) {
		for (size_t i = 0; i < 2 * bench_case_count; i++) {
			struct bench_case *c = &bench_cases[i / 2];
			struct bench_figures *f = &c->figures[i % 2];

			if (f->skipped)
				continue;
			if (run_case(b, c, i % 2, &f->raw[f->runs])) {
				f->skipped = true;
				failed = -1;
				continue;
			}
			f->runs++;
		}
	}
	for (size_t i = 0; i < 2 * bench_case_count; i++)
		figures_sort(&bench_cases[i / 2].figures[i % 2]);
	return failed;
}

static int refs_load(struct bench *b)
{
	static const char *const names[] = {
	    "ref_null", "bare_parse", "bare_responder"};

	b->refs = refs_skel__open_and_load();
	if (!b->refs) {
		fprintf(stderr, "packet: BPF programs not loaded: %s%s\n",
			strerror(errno), errno == EPERM ? " (be root)" : "");
		return -1;
	}
	for (int i = 0; i < 3; i++) {
		if (target_use(&b->target[i], b->refs->obj, names[i]))
			return -1;
	}
	return 0;
}

/* The state in which a case's frames are asked for. */
/* A name of a list with commas. */
static bool listed(const char *list, const char *name)
{
	size_t len = strlen(name);
	const char *at = list;

	while ((at = strstr(at, name))) {
		if ((at == list || at[-1] == ',') &&
		    (!at[len] || at[len] == ','))
			return true;
		at += len;
	}
	return false;
}

/* Cases that use up requests need one for every round. */
static bool can_run(const struct bench *b, const struct bench_case *c,
		    const char *only)
{
	if (c == bench_cases)
		return true;
	return b->target[c->target].obj && (!only || listed(only, c->name)) &&
	       b->flows[c->flows] >= (c->undo ? BENCH_FLOWS : 1);
}

static int cases_make(struct bench *b, const char *only)
{
	static const struct bench_state cookies = {
	    .half_open = true, .full = true, .cookies = true};

	for (size_t i = 0; i < bench_case_count; i++) {
		struct bench_case *c = &bench_cases[i];

		if (!can_run(b, c, only)) {
			c->figures[0].skipped = c->figures[1].skipped = true;
			continue;
		}
		if (c->target == TARGET_HANDFAST && world_set(b, &cookies))
			return -1;
		if (frames_make(b, c))
			return -1;
	}
	return 0;
}

static int dispatch(struct bench *b)
{
	for (int i = 0; i < TARGETS; i++) {
		if (b->target[i].obj &&
		    env_dispatch(b->target[i].harness->progs.harness))
			return -1;
	}
	return 0;
}

static int bench_make(struct bench *b, const char *program,
		      const char *synproxy, const char *only)
{
	if (flows_make(b) || refs_load(b) ||
	    env_make(&b->env, b->refs->progs.ref_null) ||
	    env_connect(
		&b->env, b->flow[FLOWS_CONNECTED], b->flows[FLOWS_CONNECTED]))
		return -1;
	if (access(synproxy, R_OK))
		printf("xdp_synproxy: skipped, no %s (make deps-bench)\n",
		       synproxy);
	else if (target_load(
		     &b->target[TARGET_SYNPROXY], synproxy, "syncookie_xdp") ||
		 synproxy_ports(b))
		return -1;
	if (!strcmp(program, "none"))
		return cases_make(b, only) || dispatch(b);
	if (target_load(&b->target[TARGET_HANDFAST], program, "handfast_xdp"))
		return -1;
	b->world = world_make(b);
	if (!b->world || world_fill(b))
		return -1;
	return cases_make(b, only) || dispatch(b);
}

/* One CPU: the last one, which has the fewest interrupts as a rule. */
static void cpu_pin(void)
{
	cpu_set_t set;
	int cpu;

	if (sched_getaffinity(0, sizeof(set), &set))
		return;
	for (cpu = CPU_SETSIZE - 1; cpu > 0 && !CPU_ISSET(cpu, &set); cpu--)
		;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void usage(FILE *to)
{
	fprintf(to,
		"usage: packet [options] PROGRAM\n"
		"PROGRAM: handfast.bpf.o, or none\n"
		"  --synproxy FILE  the kernel's xdp_synproxy_kern.bpf.o\n"
		"  --json FILE      write the figures there\n"
		"  --runs N         default %u\n"
		"  --case NAME,...  only these, and the harness\n"
		"  --half-open N    requests in syn_table, for the cases that\n"
		"                   want any; default %u, at most %u\n"
		"  --established N  sockets in ehash; default %u, at most %u\n"
		"  --listeners N    default 1, at most %u\n",
		RUNS, BENCH_FLOWS, BENCH_HALF_OPEN_MAX, BENCH_FLOWS,
		BENCH_CONNECTIONS_MAX, LISTENERS_MAX);
}

struct settings {
	const char *program, *synproxy, *json, *only;
};

static int number(const char *text, unsigned long most, uint32_t *value)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	*value = v;
	return end == text || *end || v > most;
}

static int option_take(struct bench *b, struct settings *s, int c, char *arg)
{
	switch (c) {
	case 'r':
		return number(arg, BENCH_RUNS_MAX, &b->runs) || !b->runs;
	case 'j':
		s->json = arg;
		return 0;
	case 's':
		s->synproxy = arg;
		return 0;
	case 'c':
		s->only = arg;
		return 0;
	case 'o':
		return number(
		    arg, BENCH_HALF_OPEN_MAX, &b->flows[FLOWS_BACKGROUND]);
	case 'e':
		return number(arg, BENCH_CONNECTIONS_MAX,
			      &b->flows[FLOWS_CONNECTED]) ||
		       !b->flows[FLOWS_CONNECTED];
	case 'l':
		return number(arg, LISTENERS_MAX, &b->listeners) ||
		       !b->listeners;
	}
	return 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"runs", required_argument, NULL, 'r'},
	    {"json", required_argument, NULL, 'j'},
	    {"synproxy", required_argument, NULL, 's'},
	    {"case", required_argument, NULL, 'c'},
	    {"half-open", required_argument, NULL, 'o'},
	    {"established", required_argument, NULL, 'e'},
	    {"listeners", required_argument, NULL, 'l'},
	    {"help", no_argument, NULL, 'h'},
	    {},
	};
	struct bench b = {
	    .runs = RUNS,
	    .listeners = 1,
	    .flows = {BENCH_FLOWS, BENCH_FLOWS, BENCH_FLOWS},
	};
	struct settings s = {.synproxy = ""};
	int c, err;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout), 0;
		if (option_take(&b, &s, c, optarg))
			return usage(stderr), 2;
	}
	if (optind + 1 != argc)
		return usage(stderr), 2;
	s.program = argv[optind];
	cpu_pin();
	if (bench_make(&b, s.program, s.synproxy, s.only) ||
	    clock_calibrate(&b))
		return 1;
	err = run_all(&b);
	report_print(&b);
	if (s.json && report_json(s.json))
		err = -1;
	return err ? 1 : 0;
}
