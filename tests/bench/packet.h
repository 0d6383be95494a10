/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet - nanoseconds a packet, by repeated BPF_PROG_TEST_RUN.
 *
 * Every case starts each run from the map state that it needs and afterwards
 * checks verdicts, counters and what became of syn_table; a figure whose
 * checks fail is not one.
 */
#ifndef BENCH_PACKET_H
#define BENCH_PACKET_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handfast/abi.h"
#include "harness.h"

#define BENCH_PORT 443
#define BENCH_PORT_UNLISTED 444
#define BENCH_LISTENER 1 /* index in listen_table */
#define BENCH_FLOWS HARNESS_FRAMES_MAX
#define BENCH_HALF_OPEN_MAX HF_HALF_OPEN_MAX
#define BENCH_CONNECTIONS_MAX 100000U
#define BENCH_RUNS_MAX 101

struct harness_skel;
struct refs_skel;

/* One end of a conversation with this host; host byte order. */
struct bench_flow {
	uint32_t saddr;
	uint16_t sport;
	uint32_t seq;   /* of its SYN */
	uint32_t tsval; /* of its SYN */
};

enum bench_flows {
	FLOWS_BACKGROUND, /* have requests where the case wants any */
	FLOWS_FRESH,      /* nobody has heard of them */
	FLOWS_CONNECTED,  /* have sockets in ehash */
	FLOWS_SETS,
};

enum bench_target_id {
	TARGET_NULL,
	TARGET_PARSE,
	TARGET_RESPONDER,
	TARGET_SYNPROXY,
	TARGET_HANDFAST,
	TARGETS,
};

/* A program, and a wrapper of its own that calls it. */
struct bench_target {
	struct bpf_object *obj; /* NULL: not there, its cases are skipped */
	int prog_fd;
	struct harness_skel *harness;
	struct harness_frame *frames; /* the wrapper's map */
};

/* Where packets come from and go to: a network namespace of its own. */
struct bench_env {
	int ifindex;
	uint8_t mac[6];
	uint8_t peer_mac[6];
	int xsk_fd;
	uint32_t local; /* address, host order */
};

/* The maps of the program under test, filled as the daemon fills them. */
struct bench_world;

struct bench {
	struct bench_env env;
	struct refs_skel *refs;
	struct bench_target target[TARGETS];
	struct bench_world *world;
	struct bench_flow *flow[FLOWS_SETS];
	uint32_t flows[FLOWS_SETS]; /* how many of each */
	uint32_t listeners;
	uint32_t runs;
	double clock_ns; /* what the wrapper's own clock adds to a round */
};

enum bench_frame_kind {
	FRAME_SYN,
	FRAME_SYN_HOSTILE,
	FRAME_SYN_NOPS,
	FRAME_ACK_REQUEST, /* completes the handshake of a request */
	FRAME_ACK_COOKIE,  /* of a cookie that was asked for before */
	FRAME_ACK_BAD,
	FRAME_SEGMENT,
	FRAME_SEGMENT_UNLISTED,
};

/* The state of the maps before a run. */
struct bench_state {
	bool half_open; /* the background flows are in SYN_RECV */
	bool full;      /* and no more than that allowed */
	bool cookies;   /* cookies were sent just now */
	bool guard;     /* the ACK-flood guard is on */
};

/* What has become of the flow's request afterwards. */
enum bench_after {
	AFTER_ANY, /* no such maps */
	AFTER_ABSENT,
	AFTER_SYN_RECV,
	AFTER_ANSWERED, /* SYN_RECV, and its SYN-ACK just sent */
	AFTER_ACKED,
};

enum bench_limit_kind {
	LIMIT_NONE,
	LIMIT_FACTOR, /* of the other case, net */
	LIMIT_PLUS,   /* ns over the other case */
};

struct bench_limit {
	enum bench_limit_kind kind;
	double value;
	const char *of; /* case */
};

struct bench_figures {
	bool skipped;
	uint32_t runs;
	double raw[BENCH_RUNS_MAX]; /* sorted by bench_median() */
};

struct bench_case {
	const char *name;
	enum bench_target_id target;
	enum bench_frame_kind frame;
	enum bench_flows flows;
	struct bench_state state;
	int verdict;
	int reason; /* enum hf_reason, -1: none is counted */
	enum bench_after after;
	/* with one tuple after each round; with random ones each is used once
	 */
	enum harness_undo undo;
	struct bench_limit limit;
	/* filled in: [1] with random tuples */
	struct harness_frame *frames[2];
	struct bench_figures figures[2];
};

extern struct bench_case bench_cases[];
extern const size_t bench_case_count;

/* All functions return 0, or -1 with a message written, unless noted. */

int env_make(struct bench_env *env, struct bpf_program *attach);
int env_connect(const struct bench_env *env, const struct bench_flow *flows,
		uint32_t n);
/*
 * Keeps a program in the kernel's XDP dispatcher, by attaching it somewhere:
 * else every test run patches kernel text twice, 20 ms each, and calls it
 * through a retpoline.
 */
int env_dispatch(struct bpf_program *prog);

int target_load(struct bench_target *t, const char *path, const char *program);
int target_use(struct bench_target *t, struct bpf_object *obj,
	       const char *program);
void target_free(struct bench_target *t);
/*
 * Runs the program itself once on a frame; `out`, of HARNESS_DATA_MAX bytes,
 * receives the frame that it leaves. Returns the verdict, or -1.
 */
int target_answer(struct bench *b, enum bench_target_id id,
		  const struct harness_frame *frame, uint8_t *out,
		  uint32_t *out_len);
/* One TEST_RUN of the wrapper. *ns: per round, as the kernel measured. */
int target_run(struct bench *b, enum bench_target_id id, uint32_t rounds,
	       double *ns);

struct bench_world *world_make(struct bench *b);
void world_free(struct bench_world *w);
/* Sends the SYNs of the background flows and keeps the state that results. */
int world_fill(struct bench *b);
int world_set(struct bench *b, const struct bench_state *state);
void world_tuple(const struct bench *b, const struct bench_flow *flow,
		 struct hf_tuple *tuple);
/* The background flow's request, as world_set() puts it. */
const struct hf_request *world_request(const struct bench *b, uint32_t index);
uint64_t world_count(const struct bench *b, int reason);
/* Looks at n flows' requests. */
int world_check(struct bench *b, const struct bench_case *c, uint32_t n);
/* Requests in all: half open and ACKED, as the fills say. */
uint64_t world_requests(const struct bench *b);

/* As many as b->flows says; those without a number get one. */
int flows_make(struct bench *b);
int frames_make(struct bench *b, struct bench_case *c);
void frame_syn(const struct bench *b, const struct bench_flow *flow,
	       enum bench_frame_kind kind, struct harness_frame *frame);

double figures_median(const struct bench_figures *f);
void figures_sort(struct bench_figures *f);
void report_print(const struct bench *b);
int report_json(const char *path);

#endif
