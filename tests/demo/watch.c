// SPDX-License-Identifier: BSD-2-Clause
/*
 * watch - the demo's live table. Lines on its standard input tell it what
 * happens; at their end it prints the result.
 *
 *   name N TEXT              the heading of phase N (0 to 2)
 *   begin N KIND PORT SECONDS  KIND: kernel, or handfast
 *   end N
 *
 * Runs in the front end's network namespace and reads DIRECTORY/flood.N and
 * DIRECTORY/client.N, which flood and client map.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "watch.h"

#define NSEC 1000000000LL
#define TICK_NS NSEC

struct watch {
	struct phase phase[WATCH_PHASES];
	int live; /* index, -1: none */
	const char *directory;
	const char *bpffs;
	const char *title;
	double rate;
	bool terminal;
	int64_t begin_ns;
	int64_t tick_ns; /* the next sample */
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC + t.tv_nsec;
}

static void *totals_map(const struct watch *w, const char *what, size_t size)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.%d", w->directory, what, w->live);
	return access(path, R_OK) ? NULL : progress_map(path, size, 0);
}

static void totals_open(struct watch *w, struct source *s)
{
	if (!s->flood)
		s->flood = totals_map(w, "flood", sizeof(*s->flood));
	if (!s->client)
		s->client = totals_map(w, "client", sizeof(*s->client));
}

static void phase_sample(struct watch *w)
{
	struct phase *p = &w->phase[w->live];

	totals_open(w, &p->source);
	p->before = p->now;
	source_sample(&p->source, &p->now);
	if (!p->flooded && p->now.flood.sent) {
		p->flooded = true;
		p->calm = p->before;
	}
	if (p->now.half_open > p->half_open_max)
		p->half_open_max = p->now.half_open;
	if (p->now.acceptq > p->acceptq_max)
		p->acceptq_max = p->now.acceptq;
}

static void show(struct watch *w)
{
	if (w->terminal)
		table_draw(w->phase, w->title);
	else if (w->live >= 0)
		line_print(&w->phase[w->live],
			   (now_ns() - w->begin_ns) / (double)NSEC);
}

static void phase_begin(struct watch *w, int n, const char *kind,
			unsigned int port, double seconds)
{
	struct phase *p = &w->phase[n];

	w->live = n;
	p->begun = true;
	p->begin_ns = now_ns();
	w->tick_ns = p->begin_ns + TICK_NS;
	p->seconds = seconds;
	p->source = (struct source){
	    .handfast = !strcmp(kind, "handfast"),
	    .port = port,
	    .bpffs = w->bpffs,
	    .fills = -1,
	    .stats = -1,
	    .daemon_stats = -1,
	    .listen_table = -1,
	};
	source_sample(&p->source, &p->first);
	p->now = p->before = p->calm = p->first;
}

static void phase_end(struct watch *w, int n)
{
	struct phase *p = &w->phase[n];

	if (w->live != n)
		return;
	phase_sample(w);
	p->ended = true;
	source_close(&p->source);
	if (w->terminal)
		show(w);
	w->live = -1;
}

static void command(struct watch *w, char *line)
{
	char kind[16];
	unsigned int port;
	double seconds;
	int n, at = 0;

	if (sscanf(line, "name %d %n", &n, &at) == 1 && at && n >= 0 &&
	    n < WATCH_PHASES)
		snprintf(w->phase[n].name, sizeof(w->phase[n].name), "%s",
			 line + at);
	else if (sscanf(line, "begin %d %15s %u %lf", &n, kind, &port,
			&seconds) == 4 &&
		 n >= 0 && n < WATCH_PHASES)
		phase_begin(w, n, kind, port, seconds);
	else if (sscanf(line, "end %d", &n) == 1 && n >= 0 && n < WATCH_PHASES)
		phase_end(w, n);
	else
		fprintf(stderr, "watch: not understood: %s\n", line);
}

/* False at the end of the input. */
static bool commands_read(struct watch *w)
{
	static char buf[1024];
	static size_t fill;
	ssize_t n = read(STDIN_FILENO, buf + fill, sizeof(buf) - 1 - fill);
	char *begin = buf, *end;

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (!n)
		return false;
	fill += n;
	buf[fill] = 0;
	while ((end = strchr(begin, '\n'))) {
		*end = 0;
		command(w, begin);
		begin = end + 1;
	}
	fill -= begin - buf;
	memmove(buf, begin, fill);
	return fill < sizeof(buf) - 1;
}

static void run(struct watch *w)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

	for (;;) {
		int64_t wait = (w->tick_ns - now_ns()) / 1000000;

		if (poll(&in, 1, wait > 0 ? wait : 0) > 0 && !commands_read(w))
			return;
		if (now_ns() < w->tick_ns)
			continue;
		w->tick_ns += TICK_NS;
		if (w->live >= 0) {
			phase_sample(w);
			show(w);
		}
	}
}

int main(int argc, char **argv)
{
	struct watch w = {.live = -1, .begin_ns = now_ns()};

	if (argc != 5) {
		fprintf(stderr, "usage: watch DIRECTORY BPFFS RATE TITLE\n");
		return 2;
	}
	w.directory = argv[1];
	w.bpffs = argv[2];
	w.rate = strtod(argv[3], NULL);
	w.title = argv[4];
	w.terminal = isatty(STDOUT_FILENO);
	/* Ctrl-C is for the script, which then closes our input. */
	signal(SIGINT, SIG_IGN);
	if (!w.terminal)
		printf("%s\n", w.title);
	run(&w);
	for (int i = 0; i < WATCH_PHASES; i++) {
		if (w.phase[i].ended) {
			result_print(w.phase, w.rate);
			break;
		}
	}
	return 0;
}
