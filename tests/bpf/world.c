// SPDX-License-Identifier: BSD-2-Clause
/* The maps: as the daemon would fill them, put back before each test. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpftest.h"
#include "handfast.skel.h"

#define FD(map) bpf_map__fd(env.skel->maps.map)

/* Children that the test has put into accept queues. */
static uint32_t placed_acceptq[L_COUNT];

static const uint32_t zero;

/* What a CPU looked up in this tick is looked up again. */
static void recent_forget(void)
{
	size_t size = bpf_map__value_size(env.skel->maps.recent);
	void *each = calloc(env.cpus, size);

	assert_non_null(each);
	if (bpf_map_update_elem(FD(recent), &zero, each, BPF_ANY))
		fail_msg("map recent: %s", strerror(errno));
	free(each);
}

static void put(int fd, const void *key, const void *value, const char *what)
{
	if (bpf_map_update_elem(fd, key, value, BPF_ANY))
		fail_msg("%s: %s", what, strerror(errno));
}

static void map_clear(int fd, size_t key_size)
{
	uint8_t key[64];

	assert_true(key_size <= sizeof(key));
	while (!bpf_map_get_next_key(fd, NULL, key))
		assert_int_equal(bpf_map_delete_elem(fd, key), 0);
}

/* ---------------------------------------------------------------- config */

void config_get(struct hf_config *config)
{
	assert_int_equal(bpf_map_lookup_elem(FD(config), &zero, config), 0);
}

void config_put(const struct hf_config *config)
{
	put(FD(config), &zero, config, "config");
}

void keys_get(struct hf_keys *keys)
{
	assert_int_equal(bpf_map_lookup_elem(FD(keys), &zero, keys), 0);
}

void keys_put(const struct hf_keys *keys)
{
	put(FD(keys), &zero, keys, "keys");
}

static void config_reset(void)
{
	struct hf_config config = {
	    .abi_version = HF_ABI_VERSION,
	    .half_open_max = 100,
	    .max_syn_backlog = 128,
	    .synack_retries = 5,
	    .somaxconn = 4096,
	    .invalid_ratelimit = 500,
	    .timestamps = 1,
	    .sack = 1,
	    .window_scaling = 1,
	    .syncookies = 1,
	    .auto_flowlabels = 1,
	    .synack_budget = 100,
	    .key_epoch_ns = T_EPOCH_NS,
	};
	struct hf_keys keys = {
	    .flow = {0x0123456789abcdefULL, 0xfedcba9876543210ULL},
	    .cookie = {{0x1111111122222222ULL, 0x3333333344444444ULL},
		       {0x5555555566666666ULL, 0x7777777788888888ULL}},
	    .filter = 0x1122334455667788ULL,
	    .epoch = 4,
	};

	config_put(&config);
	keys_put(&keys);
}

/* --------------------------------------------------------------- devices */

void device_get(uint32_t ifindex, struct hf_device *dev)
{
	assert_int_equal(bpf_map_lookup_elem(FD(devices), &ifindex, dev), 0);
}

void device_put(uint32_t ifindex, const struct hf_device *dev)
{
	put(FD(devices), &ifindex, dev, "devices");
	recent_forget();
}

void worker_set(uint32_t queue, bool there)
{
	/* The map does not keep a socket: it goes with its descriptor. */
	static int worker[T_QUEUES] = {-1, -1};
	uint32_t slot = T_FIRST_XSK + queue;

	if (!there && worker[queue] >= 0) {
		close(worker[queue]);
		worker[queue] = -1;
	}
	if (!there || worker[queue] >= 0)
		return;
	worker[queue] = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (worker[queue] < 0)
		fail_msg("AF_XDP socket: %s", strerror(errno));
	put(FD(xsks), &slot, &worker[queue], "xsks");
}

static void devices_reset(void)
{
	struct hf_device dev = {
	    .mode = HF_XDP_NATIVE,
	    .queues = T_QUEUES,
	    .first_xsk = T_FIRST_XSK,
	    .mtu = 1500,
	    .mss4 = 1460,
	    .mss6 = 1440,
	    .ttl = 64,
	    .hop_limit = 61,
	    .name = "hf0",
	};

	map_clear(FD(devices), sizeof(uint32_t));
	map_clear(FD(vlans), sizeof(struct hf_vlan_key));
	memcpy(dev.mac, env.mac, 6);
	device_put(env.ifindex, &dev);
	/* On top of it, with an MTU and a MAC of its own. */
	dev = (struct hf_device){
	    .lower = env.ifindex,
	    .mtu = 1400,
	    .mss4 = 1360,
	    .mss6 = 1340,
	    .ttl = 50,
	    .hop_limit = 51,
	    .name = "vlan",
	    .mac = {2, 0, 0, 0, 9, 100},
	};
	device_put(T_VLAN_IFINDEX, &dev);
	for (uint32_t queue = 0; queue < T_QUEUES; queue++)
		worker_set(queue, true);
}

void vlan_put(uint16_t outer_proto, uint16_t outer, uint16_t inner_proto,
	      uint16_t inner, uint32_t upper)
{
	struct hf_vlan_key key = {
	    .ifindex = env.ifindex,
	    .proto = {htons(outer_proto), htons(inner_proto)},
	    .vid = {outer, inner},
	};

	put(FD(vlans), &key, &upper, "vlans");
}

/* ------------------------------------------------------------- listeners */

void addr_parse(const char *text, struct hf_addr *addr)
{
	uint8_t bytes[16];
	int family = frame_parse_addr(text, bytes);

	memset(addr, 0, sizeof(*addr));
	if (family == AF_INET6) {
		memcpy(addr->b, bytes, 16);
		return;
	}
	assert_int_equal(family, AF_INET);
	addr->b[10] = addr->b[11] = 0xff;
	memcpy(addr->b + 12, bytes, 4);
}

void local_addr_put(const char *text)
{
	uint32_t ifindex = env.ifindex;
	struct hf_addr addr;

	addr_parse(text, &addr);
	put(FD(local_addrs), &addr, &ifindex, "local_addrs");
}

static struct hf_listener *listener_init(uint32_t index, int family)
{
	struct hf_listener *l = &env.listener[index];

	*l = (struct hf_listener){
	    .port = T_PORT,
	    .family = family,
	    .v6only = family == AF_INET6,
	    .generation = 7 + index,
	    .state = HF_LISTENER_LISTENING,
	    .cookies = HF_COOKIES_AUTO,
	    .backlog = 5,
	    .synq_max = 10,
	    .rcv_space = 65536,
	    .rcv_wscale = 7,
	};
	placed_acceptq[index] = 0;
	return l;
}

struct hf_listener *listener_put(uint32_t index, const char *text,
				 uint16_t port, uint32_t ifindex)
{
	bool ipv6 = strchr(text, ':');
	struct hf_listener *l = listener_init(index, ipv6 ? AF_INET6 : AF_INET);
	struct hf_listen_key key = {.ifindex = ifindex, .port = port};

	addr_parse(text, &l->addr);
	l->port = port;
	l->ifindex = ifindex;
	key.addr = l->addr;
	put(FD(listen_hash), &key, &index, "listen_hash");
	env.port[port].exact++;
	return l;
}

static void listeners_reset(void)
{
	struct hf_listener_stats stats[env.cpus];

	map_clear(FD(local_addrs), sizeof(struct hf_addr));
	map_clear(FD(listen_hash), sizeof(struct hf_listen_key));
	local_addr_put(T_LOCAL4);
	local_addr_put(T_LOCAL6);
	memset(env.port, 0, sizeof(*env.port) * HF_PORTS);
	memset(env.listener, 0, sizeof(*env.listener) * L_COUNT);
	memset(stats, 0, sizeof(stats));
	for (uint32_t i = 0; i < L_COUNT; i++)
		put(FD(listener_stats), &i, stats, "listener_stats");
	listener_init(L_ANY4, AF_INET);
	listener_init(L_ANY6, AF_INET6);
	env.port[T_PORT].any4 = L_ANY4;
	env.port[T_PORT].any6 = L_ANY6;
}

void group_put(uint32_t index, const struct hf_group *group)
{
	put(FD(reuseport_groups), &index, group, "reuseport_groups");
}

void acceptq_place(uint32_t index, uint32_t children)
{
	env.listener[index].acceptq_len += children;
	placed_acceptq[index] += children;
}

void listener_stats_get(uint32_t index, struct hf_listener_stats *sum)
{
	struct hf_listener_stats each[env.cpus];
	uint64_t *out = (uint64_t *)sum;

	memset(sum, 0, sizeof(*sum));
	assert_int_equal(
	    bpf_map_lookup_elem(FD(listener_stats), &index, each), 0);
	for (int cpu = 0; cpu < env.cpus; cpu++)
		for (size_t i = 0; i < sizeof(*sum) / 8; i++)
			out[i] += ((uint64_t *)&each[cpu])[i];
}

/* -------------------------------------------------------------- requests */

bool request_get(const struct hf_tuple *key, struct hf_request *req)
{
	return !bpf_map_lookup_elem(FD(syn_table), key, req);
}

void request_put(const struct hf_tuple *key, const struct hf_request *req)
{
	if (bpf_map_update_elem(FD(syn_table), key, req, BPF_EXIST))
		fail_msg("syn_table: %s", strerror(errno));
}

/* Calls `visit` for each request, which may delete it. */
static void request_each(void (*visit)(const struct hf_tuple *key,
				       const struct hf_request *req, void *arg),
			 void *arg)
{
	struct hf_tuple key, next;
	struct hf_request req;
	int more = !bpf_map_get_next_key(FD(syn_table), NULL, &next);

	while (more) {
		key = next;
		more = !bpf_map_get_next_key(FD(syn_table), &key, &next);
		if (request_get(&key, &req))
			visit(&key, &req, arg);
	}
}

struct census {
	uint32_t state[HF_REQUEST_DEAD + 1];
	uint32_t synq[L_COUNT], acceptq[L_COUNT];
	uint32_t all;
};

static void census_visit(const struct hf_tuple *key,
			 const struct hf_request *req, void *arg)
{
	struct census *c = arg;
	uint32_t i = req->listener;

	(void)key;
	c->all++;
	assert_true(req->word.state <= HF_REQUEST_DEAD);
	c->state[req->word.state]++;
	/* Counts of a listener that is gone are nobody's. */
	if (i >= L_COUNT ||
	    req->listener_generation != env.listener[i].generation)
		return;
	if (req->word.state == HF_REQUEST_SYN_RECV)
		c->synq[i]++;
	/* The kernel's own queue counts for itself. */
	if (req->word.state == HF_REQUEST_ACKED &&
	    env.listener[i].delivery != HF_DELIVERY_KERNEL)
		c->acceptq[i]++;
}

uint32_t request_count(enum hf_request_state state)
{
	struct census c = {};

	request_each(census_visit, &c);
	return c.state[state];
}

void table_fill(void)
{
	struct hf_tuple *keys = calloc(HF_SYN_TABLE_MAX, sizeof(*keys));
	struct hf_request *values = calloc(HF_SYN_TABLE_MAX, sizeof(*values));
	uint32_t count = HF_SYN_TABLE_MAX;

	assert_true(keys && values);
	for (uint32_t i = 0; i < count; i++) {
		keys[i].rport = (uint16_t)i;
		keys[i].lport = 1;
	}
	if (bpf_map_update_batch(FD(syn_table), keys, values, &count, NULL))
		fail_msg("filling syn_table: %s", strerror(errno));
	free(keys);
	free(values);
}

/* ------------------------------------------------------------- per CPU */

static void percpu_sum(int fd, uint64_t *out, size_t n)
{
	uint64_t each[env.cpus][n];

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, each), 0);
	memset(out, 0, n * 8);
	for (int cpu = 0; cpu < env.cpus; cpu++)
		for (size_t i = 0; i < n; i++)
			out[i] += each[cpu][i];
}

void stats_get(uint64_t counter[HF_REASON_COUNT])
{
	percpu_sum(FD(stats), counter, HF_REASON_COUNT);
}

void guard_get(struct hf_guard *guard)
{
	struct hf_guard each[env.cpus];

	assert_int_equal(bpf_map_lookup_elem(FD(guard), &zero, each), 0);
	*guard = each[sched_getcpu()];
}

void guard_put(const struct hf_guard *guard)
{
	struct hf_guard each[env.cpus];

	for (int cpu = 0; cpu < env.cpus; cpu++)
		each[cpu] = *guard;
	put(FD(guard), &zero, each, "guard");
}

const char *reason_name(int reason)
{
	static const char *const names[] = {
#define X(name, verdict, text) #name,
	    HF_REASONS(X)
#undef X
	};

	return reason < 0 ? "nothing" : names[reason];
}

/* ----------------------------------------------------------------- world */

void world_reset(void)
{
	static const struct hf_guard none;

	map_clear(FD(syn_table), sizeof(struct hf_tuple));
	memset(env.filter, 0, sizeof(*env.filter));
	memset(env.fills, 0, sizeof(*env.fills));
	config_reset();
	devices_reset();
	listeners_reset();
	guard_put(&none);
}

static uint64_t filter_sum(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < HF_FILTER_SLOTS; i++)
		sum += env.filter->word[i / HF_FILTER_WORD_SLOTS] >>
			   i % HF_FILTER_WORD_SLOTS * 4 &
		       0xf;
	return sum;
}

static void check_counts(const struct census *c)
{
	assert_int_equal(env.fills->half_open, c->state[HF_REQUEST_SYN_RECV]);
	assert_int_equal(env.fills->acked, c->state[HF_REQUEST_ACKED]);
	assert_int_equal(filter_sum(), c->all);
	for (uint32_t i = 0; i < L_COUNT; i++) {
		assert_int_equal(env.listener[i].synq_len, c->synq[i]);
		assert_int_equal(env.listener[i].acceptq_len,
				 c->acceptq[i] + placed_acceptq[i]);
	}
}

static void drop_visit(const struct hf_tuple *key, const struct hf_request *req,
		       void *arg)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct hf_request_ops ctx = {.batch = 0, .count = 1};
	struct hf_request_op *op = &env.batch[0];

	(void)arg;
	op->key = *key;
	op->req = *req;
	op->op = HF_OP_DROP;
	op->result = 1;
	opts.ctx_in = &ctx;
	opts.ctx_size_in = sizeof(ctx);
	assert_int_equal(
	    bpf_prog_test_run_opts(
		bpf_program__fd(env.skel->progs.request_ops), &opts),
	    0);
	if (op->result)
		fail_msg("request_ops does not drop a request");
}

void world_check(void)
{
	struct census c = {};

	request_each(census_visit, &c);
	check_counts(&c);
}

void world_check_and_drain(void)
{
	struct census c = {};

	world_check();
	request_each(drop_visit, NULL);
	request_each(census_visit, &c);
	assert_int_equal(c.all, 0);
	assert_int_equal(env.fills->half_open, 0);
	assert_int_equal(env.fills->acked, 0);
	assert_int_equal(filter_sum(), 0);
	for (uint32_t i = 0; i < L_COUNT; i++) {
		assert_int_equal(env.listener[i].synq_len, 0);
		assert_int_equal(
		    env.listener[i].acceptq_len, placed_acceptq[i]);
	}
}
