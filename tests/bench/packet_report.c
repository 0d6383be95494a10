// SPDX-License-Identifier: BSD-2-Clause
/* Medians, the table with its limits, the JSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

void figures_sort(struct bench_figures *f)
{
	qsort(f->raw, f->runs, sizeof(f->raw[0]), compare);
}

/* Of sorted figures. */
double figures_median(const struct bench_figures *f)
{
	if (!f->runs)
		return 0;
	return (f->raw[(f->runs - 1) / 2] + f->raw[f->runs / 2]) / 2;
}

static const struct bench_case *case_find(const char *name)
{
	for (size_t i = 0; i < bench_case_count; i++) {
		if (!strcmp(bench_cases[i].name, name))
			return &bench_cases[i];
	}
	return NULL;
}

static double net(const struct bench_case *c, int random)
{
	const struct bench_case *harness = case_find("harness");

	return figures_median(&c->figures[random]) -
	       figures_median(&harness->figures[random]);
}

static void limit_print(const struct bench_case *c, int random)
{
	const struct bench_limit *limit = &c->limit;
	const struct bench_case *of;
	double most;

	if (limit->kind == LIMIT_NONE) {
		printf(" %16s", "");
		return;
	}
	of = case_find(limit->of);
	if (c->figures[random].skipped || of->figures[random].skipped) {
		printf(" %16s", "skipped");
		return;
	}
	most = limit->kind == LIMIT_FACTOR ? limit->value * net(of, random)
					   : limit->value + net(of, random);
	printf(
	    " %6.0f %-9s", most, net(c, random) <= most ? "holds" : "EXCEEDED");
}

static void figures_print(const struct bench_case *c, int random)
{
	const struct bench_figures *f = &c->figures[random];
	double harness = figures_median(&case_find("harness")->figures[random]);

	if (f->skipped) {
		printf(" %8s %11s", "skipped", "");
		return;
	}
	printf(" %8.0f %5.0f-%-5.0f", net(c, random), f->raw[0] - harness,
	       f->raw[f->runs - 1] - harness);
}

static void limit_explain(const struct bench_case *c)
{
	if (c->limit.kind == LIMIT_FACTOR)
		printf("  %.1f of %s", c->limit.value, c->limit.of);
	else if (c->limit.kind == LIMIT_PLUS)
		printf("  %.0f ns over %s", c->limit.value, c->limit.of);
}

void report_print(const struct bench *b)
{
	const struct bench_case *harness = case_find("harness");

	printf("ns a packet, net of the harness (%.0f with one tuple, %.0f "
	       "with random ones);\nmedian of %u alternating runs, least and "
	       "most; %u half open, %u established, %u listeners\n\n",
	       figures_median(&harness->figures[0]),
	       figures_median(&harness->figures[1]), b->runs,
	       b->flows[FLOWS_BACKGROUND], b->flows[FLOWS_CONNECTED],
	       b->listeners);
	printf("%-22s %8s %11s %16s %8s %11s %16s\n", "", "one", "", "at most",
	       "random", "", "at most");
	for (size_t i = 0; i < bench_case_count; i++) {
		const struct bench_case *c = &bench_cases[i];

		printf("%-22s", c->name);
		for (int random = 0; random < 2; random++) {
			figures_print(c, random);
			limit_print(c, random);
		}
		limit_explain(c);
		printf("\n");
	}
}

static void json_figures(FILE *out, const struct bench_case *c, int random,
			 bool first)
{
	const struct bench_figures *f = &c->figures[random];

	fprintf(out, "%s\n  {\"case\": \"%s%s\", ", first ? "" : ",", c->name,
		random ? "_random" : "");
	if (f->skipped)
		fprintf(out, "\"ns\": null, \"min\": null, \"max\": null, "
			     "\"runs\": 0}");
	else
		fprintf(out,
			"\"ns\": %.1f, \"min\": %.1f, \"max\": %.1f, "
			"\"runs\": %u}",
			figures_median(f), f->raw[0], f->raw[f->runs - 1],
			f->runs);
}

int report_json(const char *path)
{
	FILE *out = fopen(path, "we");

	if (!out) {
		fprintf(stderr, "packet: %s: %s\n", path, strerror(errno));
		return -1;
	}
	fprintf(out, "[");
	for (size_t i = 0; i < bench_case_count; i++) {
		json_figures(out, &bench_cases[i], 0, i == 0);
		json_figures(out, &bench_cases[i], 1, false);
	}
	fprintf(out, "\n]\n");
	if (!fclose(out))
		return 0;
	fprintf(stderr, "packet: %s: %s\n", path, strerror(errno));
	return -1;
}
