// SPDX-License-Identifier: BSD-2-Clause
/* Figures from samples, and three ways to show them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "watch.h"

static double rate(uint64_t before, uint64_t after, double seconds)
{
	if (seconds <= 0 || after < before)
		return 0;
	return (after - before) / seconds;
}

static uint64_t failed(const struct client_progress *c)
{
	return c->refused + c->reset + c->timeout + c->bad + c->local;
}

/* Percentiles of what ended between two samples, ms. */
static void percentiles(const struct client_progress *from,
			const struct client_progress *to, double *p50,
			double *p99)
{
	uint64_t classes[PROGRESS_CLASSES];

	for (int i = 0; i < PROGRESS_CLASSES; i++)
		classes[i] = to->total_us[i] - from->total_us[i];
	*p50 = progress_percentile(classes, 0.5) / 1000;
	*p99 = progress_percentile(classes, 0.99) / 1000;
}

static void flood_figures(const struct phase *p, struct figures *f)
{
	const struct client_progress *calm = &p->calm.client;
	const struct client_progress *now = &p->now.client;
	double all;

	f->flood_ok = now->ok - calm->ok;
	f->flood_failed = failed(now) - failed(calm);
	all = f->flood_ok + f->flood_failed;
	f->served = all > 0 ? 100 * f->flood_ok / all : 0;
	percentiles(calm, now, &f->p50, &f->p99);
}

void phase_figures(const struct phase *p, struct figures *f)
{
	const struct sample *from =
	    p->ended && p->flooded ? &p->calm : &p->before;
	const struct sample *to = &p->now;
	const struct sample *calm_end = p->flooded ? &p->calm : to;
	double seconds = (to->ns - from->ns) / 1e9;

	memset(f, 0, sizeof(*f));
	f->syn = rate(from->flood.delivered, to->flood.delivered, seconds);
	f->lost = rate(from->flood.sent, to->flood.sent, seconds) - f->syn;
	if (f->lost < 0)
		f->lost = 0;
	f->by_cookie = rate(from->by_cookie, to->by_cookie, seconds);
	f->by_state = rate(from->by_state, to->by_state, seconds);
	f->half_open = p->ended ? p->half_open_max : to->half_open;
	f->acceptq = p->ended ? p->acceptq_max : to->acceptq;
	f->ok = to->client.ok;
	f->failed = failed(&to->client);
	percentiles(
	    &p->first.client, &calm_end->client, &f->calm_p50, &f->calm_p99);
	f->in_flood = p->flooded;
	if (p->flooded)
		flood_figures(p, f);
}

/* ------------------------------------------------------------ the table */

#define CELL 20

static int lines_drawn;

static void cell(bool shown, const char *format, ...)
{
	char text[64] = "";
	va_list ap;

	if (shown) {
		va_start(ap, format);
		vsnprintf(text, sizeof(text), format, ap);
		va_end(ap);
	}
	printf("%*s", CELL, text);
}

static void line_end(void)
{
	printf("\033[K\n");
	lines_drawn++;
}

#define ROW(label, shown, ...)                                                 \
	do {                                                                   \
		printf("  %-26s", label);                                      \
		for (int i = 0; i < WATCH_PHASES; i++) {                       \
			const struct phase *p = &phases[i];                    \
			const struct figures *f = &figures[i];                 \
			cell(p->begun && (shown), __VA_ARGS__);                \
		}                                                              \
		line_end();                                                    \
	} while (0)

static void heads_draw(const struct phase *phases)
{
	printf("  %-26s", "");
	for (int i = 0; i < WATCH_PHASES; i++) {
		bool live = phases[i].begun && !phases[i].ended;

		printf("%s%*s\033[0m", live ? "\033[1m" : "", CELL,
		       phases[i].name);
	}
	line_end();
	printf("  %-26s", "");
	for (int i = 0; i < WATCH_PHASES; i++) {
		const struct phase *p = &phases[i];

		cell(true, "%s",
		     !p->begun    ? "to come"
		     : p->ended   ? "in the flood"
		     : p->flooded ? "FLOOD"
				  : "no flood yet");
	}
	line_end();
}

static void bar_draw(const struct phase *phases)
{
	for (int i = 0; i < WATCH_PHASES; i++) {
		const struct phase *p = &phases[i];
		double gone = (p->now.ns - p->begin_ns) / 1e9;
		int done;

		if (!p->begun || p->ended)
			continue;
		done = p->seconds > 0 ? 40 * gone / p->seconds : 40;
		if (done > 40)
			done = 40;
		printf("  %d of %d  [%.*s%.*s] %.0f s", i + 1, WATCH_PHASES,
		       done, "########################################",
		       40 - done, "........................................",
		       gone);
	}
	line_end();
}

void table_draw(const struct phase *phases, const char *title)
{
	struct figures figures[WATCH_PHASES];

	for (int i = 0; i < WATCH_PHASES; i++)
		phase_figures(&phases[i], &figures[i]);
	if (lines_drawn)
		printf("\033[%dA", lines_drawn);
	lines_drawn = 0;
	printf("\r\033[1m%s\033[0m", title);
	line_end();
	line_end();
	heads_draw(phases);
	ROW("SYN/s", f->in_flood, "%.0f", f->syn);
	ROW("SYN/s lost before it", f->in_flood, "%.0f", f->lost);
	ROW("SYN-ACK/s by cookie", f->in_flood, "%.0f", f->by_cookie);
	ROW("SYN-ACK/s by state", f->in_flood, "%.0f", f->by_state);
	ROW("half-open", true, "%llu", (unsigned long long)f->half_open);
	ROW("accept queue", true, "%llu", (unsigned long long)f->acceptq);
	line_end();
	ROW("honest requests served", true, "%llu", (unsigned long long)f->ok);
	ROW("honest requests failed", true, "%llu",
	    (unsigned long long)f->failed);
	ROW("served in the flood", f->flood_ok + f->flood_failed > 0, "%.1f %%",
	    f->served);
	ROW("latency p50, ms", f->flood_ok, "%.2f", f->p50);
	ROW("latency p99, ms", f->flood_ok, "%.2f", f->p99);
	ROW("p99 before the flood, ms", f->calm_p99 > 0, "%.2f", f->calm_p99);
	line_end();
	bar_draw(phases);
	printf("\033[J");
	fflush(stdout);
}

void line_print(const struct phase *p, double seconds)
{
	struct figures f;

	phase_figures(p, &f);
	printf("%3.0f s  %s: SYN/s %.0f (lost %.0f), SYN-ACK/s cookie %.0f "
	       "state %.0f, half-open %llu, accept queue %llu, served %llu "
	       "failed %llu",
	       seconds, p->name, f.syn, f.lost, f.by_cookie, f.by_state,
	       (unsigned long long)f.half_open, (unsigned long long)f.acceptq,
	       (unsigned long long)f.ok, (unsigned long long)f.failed);
	if (f.in_flood)
		printf(", in the flood p50 %.2f p99 %.2f ms\n", f.p50, f.p99);
	else
		printf(", p50 %.2f p99 %.2f ms\n", f.calm_p50, f.calm_p99);
	fflush(stdout);
}

void result_print(const struct phase *phases, double rate)
{
	const char *separator = "";

	printf("result, %.0f SYN/s sent:", rate);
	for (int i = 0; i < WATCH_PHASES; i++) {
		struct figures f;

		if (!phases[i].ended || !phases[i].flooded)
			continue;
		phase_figures(&phases[i], &f);
		printf("%s %s served %.1f %%", separator, phases[i].name,
		       f.served);
		if (f.flood_ok)
			printf(" (p99 %.1f ms)", f.p99);
		separator = ";";
	}
	printf("\n");
	fflush(stdout);
}
