/* SPDX-License-Identifier: BSD-2-Clause */
/* The demo's live table: what is sampled, what is kept, how it is shown. */
#ifndef DEMO_WATCH_H
#define DEMO_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/progress.h"

#define WATCH_PHASES 3

/* Totals at one moment, gauges where it says so. */
struct sample {
	int64_t ns;
	struct flood_progress flood;
	struct client_progress client;
	uint64_t by_cookie; /* SYN-ACKs */
	uint64_t by_state;
	uint64_t half_open; /* gauge */
	uint64_t acceptq;   /* gauge */
};

/* Where the numbers of a phase come from. */
struct source {
	bool handfast; /* else the kernel's listener */
	uint16_t port;
	const char *bpffs;
	const struct flood_progress *flood; /* NULL: not begun yet */
	const struct client_progress *client;
	/* map descriptors, -1 until they are there */
	int fills, stats, daemon_stats, listen_table;
};

/* One system under the flood. */
struct phase {
	char name[32];
	bool begun, ended;
	int64_t begin_ns;
	double seconds; /* planned */
	struct source source;
	struct sample first, now, before; /* before: the sample before `now` */
	bool flooded;
	struct sample calm; /* the last sample before the flood */
	uint64_t half_open_max, acceptq_max;
};

/* What is shown of a phase. */
struct figures {
	double syn, lost, by_cookie, by_state; /* a second */
	uint64_t half_open, acceptq;
	uint64_t ok, failed; /* since the phase began */
	double served;       /* of the requests in the flood, percent */
	uint64_t flood_ok, flood_failed;
	double p50, p99; /* ms, of requests in the flood */
	double calm_p50, calm_p99;
	bool in_flood;
};

/* Takes a sample; what cannot be read stays 0. */
void source_sample(struct source *source, struct sample *sample);
/* Forgets the maps of `source`. */
void source_close(struct source *source);

/* Sockets of this namespace on a local port: half-open, and queued. */
int diag_half_open(uint16_t port, uint64_t *count);
int diag_acceptq(uint16_t port, uint64_t *length);

/* Of the last second, or of the whole flood once the phase has ended. */
void phase_figures(const struct phase *p, struct figures *f);

/* Draws the table over the one before. */
void table_draw(const struct phase *phases, const char *title);
/* One line, for logs. */
void line_print(const struct phase *p, double seconds);
void result_print(const struct phase *phases, double rate);

#endif
