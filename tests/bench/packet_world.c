// SPDX-License-Identifier: BSD-2-Clause
/*
 * The maps of the program under test: filled as the daemon would, put back
 * before each run, looked at after it.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "packet.h"

#define NSEC_PER_SEC 1000000000ULL
#define EPOCH_NS (3600 * NSEC_PER_SEC) /* no key changes during the bench */
#define GUARD_RATE 10000
#define SYNACK_AGO_NS (2 * NSEC_PER_SEC)
#define REQUEST_LIFE_NS (600 * NSEC_PER_SEC)
#define ROOM HF_HALF_OPEN_MAX

/* A map whose memory is mapped here, and its content with 16 k requests. */
struct mapped {
	const char *name;
	void *live;
	void *filled;
	size_t size;
};

enum { M_PORTS, M_LISTENERS, M_FILTER, M_FILLS, M_COUNT };

struct bench_world {
	struct mapped mapped[M_COUNT];
	int config, keys, devices, local_addrs, xsks, syn_table, guard, stats,
	    listen_hash;
	int cpus;
	uint32_t half_open;         /* background flows */
	struct hf_tuple *tuple;     /* of the background flows */
	struct hf_request *request; /* and their requests */
	uint64_t set_ns;            /* when world_set() ran */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

static struct hf_listener *listener(struct bench_world *w)
{
	struct hf_listener *l = w->mapped[M_LISTENERS].live;

	return &l[BENCH_LISTENER];
}

static struct hf_port *port(struct bench_world *w)
{
	struct hf_port *p = w->mapped[M_PORTS].live;

	return &p[BENCH_PORT];
}

static int map_fd(struct bpf_object *obj, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);

	if (!map) {
		fprintf(stderr, "packet: the program has no map %s\n", name);
		return -1;
	}
	return bpf_map__fd(map);
}

static int maps_find(struct bench_world *w, struct bpf_object *obj)
{
	return (w->config = map_fd(obj, "config")) < 0 ||
	       (w->keys = map_fd(obj, "keys")) < 0 ||
	       (w->devices = map_fd(obj, "devices")) < 0 ||
	       (w->local_addrs = map_fd(obj, "local_addrs")) < 0 ||
	       (w->xsks = map_fd(obj, "xsks")) < 0 ||
	       (w->syn_table = map_fd(obj, "syn_table")) < 0 ||
	       (w->guard = map_fd(obj, "guard")) < 0 ||
	       (w->stats = map_fd(obj, "stats")) < 0 ||
	       (w->listen_hash = map_fd(obj, "listen_hash")) < 0;
}

static int map_mmap(struct mapped *m, struct bpf_object *obj)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, m->name);

	if (!map) {
		fprintf(stderr, "packet: the program has no map %s\n", m->name);
		return -1;
	}
	/* Elements of an array are padded to 8 bytes. */
	m->size = (size_t)((bpf_map__value_size(map) + 7) & ~7U) *
		  bpf_map__max_entries(map);
	m->live = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(map), 0);
	m->filled = calloc(1, m->size);
	if (m->live != MAP_FAILED && m->filled)
		return 0;
	fprintf(stderr, "packet: mmap of %s: %s\n", m->name, strerror(errno));
	return -1;
}

static int put(int fd, const void *key, const void *value, const char *what)
{
	if (!bpf_map_update_elem(fd, key, value, BPF_ANY))
		return 0;
	fprintf(stderr, "packet: %s: %s\n", what, strerror(errno));
	return -1;
}

static int config_put(struct bench_world *w)
{
	struct hf_config config = {
	    .abi_version = HF_ABI_VERSION,
	    .half_open_max = HF_HALF_OPEN_MAX,
	    .max_syn_backlog = ROOM,
	    .synack_retries = 5,
	    .somaxconn = 65535,
	    .invalid_ratelimit = 500,
	    .timestamps = 1,
	    .sack = 1,
	    .window_scaling = 1,
	    .auto_flowlabels = 1,
	    .guard_rate = GUARD_RATE,
	    .synack_budget = 100,
	    .key_epoch_ns = EPOCH_NS,
	    .daemon_pid = getpid(),
	};
	struct hf_keys keys = {};
	__u32 zero = 0;

	if (getrandom(&keys, sizeof(keys), 0) != sizeof(keys))
		return -1;
	keys.epoch = 2;
	return put(w->config, &zero, &config, "config") ||
	       put(w->keys, &zero, &keys, "keys");
}

static int device_put(struct bench_world *w, const struct bench_env *env)
{
	struct hf_device dev = {
	    .mode = HF_XDP_NATIVE,
	    .queues = 1,
	    .mtu = 1500,
	    .mss4 = 1460,
	    .mss6 = 1440,
	    .ttl = 64,
	    .hop_limit = 64,
	    .name = "bench",
	};
	__u32 index = env->ifindex, zero = 0;
	struct hf_tuple t;
	struct bench bench = {.env = *env};
	struct bench_flow none = {};

	memcpy(dev.mac, env->mac, sizeof(dev.mac));
	world_tuple(&bench, &none, &t);
	return put(w->devices, &index, &dev, "devices") ||
	       put(w->local_addrs, &t.laddr, &index, "local_addrs") ||
	       put(w->xsks, &zero, &env->xsk_fd, "xsks");
}

static void listener_put(struct bench_world *w)
{
	*port(w) = (struct hf_port){.any4 = BENCH_LISTENER};
	*listener(w) = (struct hf_listener){
	    .port = BENCH_PORT,
	    .family = AF_INET,
	    .generation = 1,
	    .state = HF_LISTENER_LISTENING,
	    .cookies = HF_COOKIES_AUTO,
	    .backlog = 65535,
	    .synq_max = ROOM,
	    .rcv_space = 65535,
	    .rcv_wscale = 7,
	    .comm = "bench",
	};
}

static void addr_mapped(struct hf_addr *addr, uint32_t ip)
{
	memset(addr, 0, sizeof(*addr));
	addr->b[10] = 0xff;
	addr->b[11] = 0xff;
	for (int i = 0; i < 4; i++)
		addr->b[12 + i] = ip >> (24 - 8 * i);
}

/*
 * Others beside it, on ports from 10000: every second one with an address of
 * its own, so that port_table and listen_hash both fill.
 */
static int listeners_put(struct bench_world *w, uint32_t n)
{
	struct hf_listener *l = w->mapped[M_LISTENERS].live;
	struct hf_port *p = w->mapped[M_PORTS].live;

	for (__u32 i = BENCH_LISTENER + 1; i < n + BENCH_LISTENER; i++) {
		__u16 number = 10000 + i;
		struct hf_listen_key key = {.port = number};

		l[i] = l[BENCH_LISTENER];
		l[i].port = number;
		if (i % 2) {
			p[number].any4 = i;
			continue;
		}
		p[number].exact = 1;
		addr_mapped(&l[i].addr, 0x0a0b0001);
		key.addr = l[i].addr;
		if (put(w->listen_hash, &key, &i, "listen_hash"))
			return -1;
	}
	return 0;
}

struct bench_world *world_make(struct bench *b)
{
	static const char *const names[M_COUNT] = {
	    "port_table", "listen_table", "syn_filter", "fills"};
	struct bpf_object *obj = b->target[TARGET_HANDFAST].obj;
	struct bench_world *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->cpus = libbpf_num_possible_cpus();
	w->half_open = b->flows[FLOWS_BACKGROUND];
	w->tuple = calloc(w->half_open + 1, sizeof(*w->tuple));
	w->request = calloc(w->half_open + 1, sizeof(*w->request));
	if (!w->tuple || !w->request || maps_find(w, obj))
		goto fail;
	for (int i = 0; i < M_COUNT; i++) {
		w->mapped[i].name = names[i];
		if (map_mmap(&w->mapped[i], obj))
			goto fail;
	}
	if (config_put(w) || device_put(w, &b->env))
		goto fail;
	listener_put(w);
	if (listeners_put(w, b->listeners))
		goto fail;
	return w;
fail:
	world_free(w);
	return NULL;
}

void world_free(struct bench_world *w)
{
	if (!w)
		return;
	for (int i = 0; i < M_COUNT; i++)
		free(w->mapped[i].filled);
	free(w->tuple);
	free(w->request);
	free(w);
}

void world_tuple(const struct bench *b, const struct bench_flow *flow,
		 struct hf_tuple *t)
{
	memset(t, 0, sizeof(*t));
	addr_mapped(&t->raddr, flow->saddr);
	addr_mapped(&t->laddr, b->env.local);
	t->rport = flow->sport;
	t->lport = BENCH_PORT;
}

const struct hf_request *world_request(const struct bench *b, uint32_t index)
{
	return &b->world->request[index];
}

static int fill_one(struct bench *b, uint32_t i)
{
	struct bench_world *w = b->world;
	const struct bench_flow *flow = &b->flow[FLOWS_BACKGROUND][i];
	uint8_t out[HARNESS_DATA_MAX];
	struct harness_frame frame;
	uint32_t len;
	int verdict;

	frame_syn(b, flow, FRAME_SYN, &frame);
	verdict = target_answer(b, TARGET_HANDFAST, &frame, out, &len);
	world_tuple(b, flow, &w->tuple[i]);
	if (verdict == XDP_TX &&
	    !bpf_map_lookup_elem(w->syn_table, &w->tuple[i], &w->request[i]))
		return 0;
	fprintf(stderr,
		"packet: SYN %u made no request: verdict %d (XDP_TX is %d)\n",
		i, verdict, XDP_TX);
	return -1;
}

int world_fill(struct bench *b)
{
	for (uint32_t i = 0; i < b->world->half_open; i++) {
		if (fill_one(b, i))
			return -1;
	}
	for (int i = 0; i < M_COUNT; i++) {
		struct mapped *m = &b->world->mapped[i];

		memcpy(m->filled, m->live, m->size);
	}
	return 0;
}

static int table_clear(struct bench_world *w)
{
	static struct hf_tuple keys[HF_SYN_TABLE_MAX];
	static struct hf_request values[HF_SYN_TABLE_MAX];
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	__u32 n = HF_SYN_TABLE_MAX;
	__u32 token;

	if (!bpf_map_lookup_and_delete_batch(
		w->syn_table, NULL, &token, keys, values, &n, &opts) ||
	    errno == ENOENT)
		return 0;
	fprintf(stderr, "packet: syn_table not emptied: %s\n", strerror(errno));
	return -1;
}

/* All requests again as they were, their SYN-ACK 2 s old. */
static int table_fill(struct bench_world *w)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	__u32 n = w->half_open;

	for (uint32_t i = 0; i < n; i++) {
		w->request[i].synack_ns = w->set_ns - SYNACK_AGO_NS;
		w->request[i].timer_ns = w->set_ns + NSEC_PER_SEC;
		w->request[i].expires_ns = w->set_ns + REQUEST_LIFE_NS;
	}
	if (!n || !bpf_map_update_batch(
		      w->syn_table, w->tuple, w->request, &n, &opts))
		return 0;
	fprintf(stderr, "packet: syn_table not filled: %s\n", strerror(errno));
	return -1;
}

static int guard_set(struct bench_world *w, bool on)
{
	struct hf_guard *g = calloc(w->cpus, sizeof(*g));
	__u32 zero = 0;
	int err;

	if (!g)
		return -1;
	for (int i = 0; i < w->cpus; i++) {
		g[i].window_ns = w->set_ns;
		g[i].until_ns = on ? w->set_ns + 3600 * NSEC_PER_SEC : 0;
	}
	err = put(w->guard, &zero, g, "guard");
	free(g);
	return err;
}

int world_set(struct bench *b, const struct bench_state *state)
{
	struct bench_world *w = b->world;

	w->set_ns = now_ns();
	if (table_clear(w) || guard_set(w, state->guard))
		return -1;
	memset(w->mapped[M_FILTER].live, 0, w->mapped[M_FILTER].size);
	memset(w->mapped[M_FILLS].live, 0, w->mapped[M_FILLS].size);
	listener_put(w);
	if (state->half_open) {
		for (int i = 0; i < M_COUNT; i++) {
			struct mapped *m = &w->mapped[i];

			memcpy(m->live, m->filled, m->size);
		}
		if (table_fill(w))
			return -1;
	}
	if (state->full)
		listener(w)->synq_max = w->half_open;
	if (state->cookies) {
		listener(w)->cookie_since_ns = w->set_ns;
		listener(w)->cookie_last_ns = w->set_ns;
		port(w)->cookies = 1;
	}
	return 0;
}

uint64_t world_count(const struct bench *b, int reason)
{
	struct bench_world *w = b->world;
	struct hf_stats *stats = calloc(w->cpus, sizeof(*stats));
	uint64_t sum = 0;
	__u32 zero = 0;

	if (stats && !bpf_map_lookup_elem(w->stats, &zero, stats)) {
		for (int i = 0; i < w->cpus; i++)
			sum += ((__u64 *)&stats[i])[reason];
	}
	free(stats);
	return sum;
}

uint64_t world_requests(const struct bench *b)
{
	const struct hf_fills *f = b->world->mapped[M_FILLS].live;

	return (uint64_t)f->half_open + f->acked;
}

static bool request_is(const struct bench_world *w, enum bench_after after,
		       bool found, const struct hf_request *req)
{
	switch (after) {
	case AFTER_ABSENT:
		return !found;
	case AFTER_SYN_RECV:
		return found && req->word.state == HF_REQUEST_SYN_RECV;
	case AFTER_ANSWERED:
		return found && req->word.state == HF_REQUEST_SYN_RECV &&
		       req->synack_ns >= w->set_ns;
	case AFTER_ACKED:
		return found && req->word.state == HF_REQUEST_ACKED;
	default:
		return true;
	}
}

int world_check(struct bench *b, const struct bench_case *c, uint32_t n)
{
	struct bench_world *w = b->world;

	for (uint32_t i = 0; i < n; i++) {
		struct hf_request req = {};
		struct hf_tuple t;
		bool found;

		world_tuple(b, &b->flow[c->flows][i], &t);
		found = !bpf_map_lookup_elem(w->syn_table, &t, &req);
		if (request_is(w, c->after, found, &req))
			continue;
		fprintf(stderr,
			"packet: %s: flow %u: request %s, state %u, after "
			"the run\n",
			c->name, i, found ? "there" : "absent", req.word.state);
		return -1;
	}
	return 0;
}
