/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the BPF programs by BPF_PROG_TEST_RUN: a row per rule. A row says
 * what the world is like and which frame comes in; what has to come of it:
 * the verdict, the one counter that moves, the frame that goes out and the
 * request that is left.
 *
 * Everything runs in a network namespace of the process, with maps of its
 * own. A test that cannot go on ends by cmocka's fail_msg().
 */
#ifndef BPFTEST_H
#define BPFTEST_H

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "handfast/abi.h"

#include "../tools/frame.h"

#define MSEC 1000000ULL
#define SEC 1000000000ULL

#define T_FRAME_MAX 16384
#define T_PORT 80      /* the wildcard listeners */
#define T_PORT_FREE 81 /* nobody listens */
#define T_CLIENT_PORT 40000
#define T_QUEUES 2U          /* RX queues of the device */
#define T_FIRST_XSK 10U      /* a worker for each of them */
#define T_VLAN_IFINDEX 1000U /* a VLAN device on top, ID T_VLAN */
#define T_VLAN 100
#define T_EPOCH_NS (60 * SEC)

/* Addresses of the namespace, and one that is not there. */
#define T_LOCAL4 "10.9.0.1"
#define T_LOCAL6 "fd09::1"
#define T_CLIENT4 "10.9.0.2"
#define T_CLIENT6 "fd09::2"
/* Addresses that connections come from, within the namespace. */
#define T_PEER4 "10.9.1.2"
#define T_PEER6 "fd09:1::2"

enum {
	L_FREE,
	L_ANY4,  /* 0.0.0.0:80 */
	L_ANY6,  /* [::]:80, IPV6_V6ONLY */
	L_SPARE, /* for tests to place */
	L_SPARE2,
	L_COUNT,
};

/* ------------------------------------------------------------------- env */

struct handfast_bpf;

/* The namespace, its devices, the programs and their maps. */
struct env {
	struct handfast_bpf *skel;
	int ifindex;       /* hf0, which frames come in on */
	int other_ifindex; /* hf1, its peer */
	uint8_t mac[6], client_mac[6];
	int cpus;
	/* maps in memory */
	struct hf_listener *listener;
	struct hf_port *port;
	struct hf_filter *filter;
	struct hf_fills *fills;
	struct hf_request_op *batch;
};

extern struct env env;

/* Makes it, once a process; exits with a message where that fails. */
void env_make(void);

/* Frees it: the kernel takes a while to free what a process leaves. */
void env_free(void);

uint64_t now_ns(void);

/* An established connection within the namespace, from T_PEERx. */
struct connection {
	int client, server;
	uint16_t rport;
};

struct connection connection_make(int family, uint16_t lport);
/* The server closes first: its tuple is in TIME_WAIT afterwards. */
void connection_time_wait(struct connection *c);
void connection_close(struct connection *c);
/* A listening socket of the kernel's, on T_LOCALx. */
int kernel_listen(int family, uint16_t port);

/* ----------------------------------------------------------------- world */

/* Every map as it is before each test, and all that tests change is back. */
void world_reset(void);

/* The fills, the listeners' counts and the filter are those of syn_table. */
void world_check(void);

/* And they go back to 0, or to what the test put there, with the requests:
 * ends all of them the way the daemon does. */
void world_check_and_drain(void);

void config_get(struct hf_config *config);
void config_put(const struct hf_config *config);
void keys_get(struct hf_keys *keys);
void keys_put(const struct hf_keys *keys);
void device_get(uint32_t ifindex, struct hf_device *dev);
void device_put(uint32_t ifindex, const struct hf_device *dev);

/* One member of the config, of the device that frames come in on. */
#define CONFIG_SET(field, value)                                               \
	do {                                                                   \
		struct hf_config config_;                                      \
		config_get(&config_);                                          \
		config_.field = (value);                                       \
		config_put(&config_);                                          \
	} while (0)
#define DEVICE_SET(field, value)                                               \
	do {                                                                   \
		struct hf_device dev_;                                         \
		device_get(env.ifindex, &dev_);                                \
		dev_.field = (value);                                          \
		device_put(env.ifindex, &dev_);                                \
	} while (0)

/* A worker on this queue, or none. */
void worker_set(uint32_t queue, bool there);
void local_addr_put(const char *text);
void vlan_put(uint16_t outer_proto, uint16_t outer, uint16_t inner_proto,
	      uint16_t inner, uint32_t upper);

/*
 * A listener `index` like L_ANY4 (or L_ANY6, for IPv6 text), at this place;
 * text "0.0.0.0" or "::" with an ifindex go where bound-to-device ones go.
 */
struct hf_listener *listener_put(uint32_t index, const char *text,
				 uint16_t port, uint32_t ifindex);
/* Children of other flows take so many places of its accept queue. */
void acceptq_place(uint32_t index, uint32_t children);
void listener_stats_get(uint32_t index, struct hf_listener_stats *sum);

/* SO_REUSEPORT: members by index in reuseport_groups. */
void group_put(uint32_t index, const struct hf_group *group);

void addr_parse(const char *text, struct hf_addr *addr);
bool request_get(const struct hf_tuple *key, struct hf_request *req);
void request_put(const struct hf_tuple *key, const struct hf_request *req);
uint32_t request_count(enum hf_request_state state);
void table_fill(void); /* syn_table is full after this */

/* Of the CPU that the tests run on. */
void guard_get(struct hf_guard *guard);
/* On all CPUs. */
void guard_put(const struct hf_guard *guard);

void stats_get(uint64_t counter[HF_REASON_COUNT]);
const char *reason_name(int reason);

/* ----------------------------------------------------------------- scene */

#define NOTHING (-1) /* no reason is counted */

enum answer {
	AS_IT_CAME, /* the frame is what it was, bit for bit */
	A_SYNACK,
	A_RST,
	A_CHALLENGE,
	A_ANYTHING,
};

enum after {
	NO_REQUEST,
	SYN_RECV,
	ACKED,
	AS_BEFORE, /* the request is what it was, byte by byte */
	ANY_REQUEST,
};

/* What a row plays with. */
struct scene {
	struct frame frame; /* to come in */
	uint32_t ifindex, queue;
	uint32_t scope; /* of the tuple: link-local addresses */
	/* what it was, and what came of it */
	uint8_t in[T_FRAME_MAX], out[T_FRAME_MAX];
	size_t in_len, out_len;
	bool raw; /* `in` is the frame already, `frame` only describes it */
	int verdict;
	uint64_t start_ns, end_ns; /* of the run */
	uint64_t before[HF_REASON_COUNT], after[HF_REASON_COUNT];
	bool had, has; /* the flow's request, before and after */
	struct hf_request was, is;
	/* of the SYN-ACK that the last handshake brought */
	uint32_t iss, tsval;
	uint32_t listener; /* that should answer, and on which device */
	uint32_t l3_ifindex;
	int reason; /* that was counted, apart from those of kind INFO */
	struct connection connection;
};

struct row {
	const char *rule;
	void (*given)(struct scene *s); /* NULL: a SYN, the world as it is */
	int verdict;
	int reason;
	int info; /* a second counter, of kind INFO; 0 is none */
	enum answer answer;
	enum after after;
	void (*then)(struct scene *s); /* what else has to be true */
	bool ipv6;                     /* the scene is IPv6 from the start */
	int info2;                     /* a third counter */
};

/* Runs all rows, or those whose rule matches an argument, as tests. */
int rows_main(const struct row *rows, size_t count, int argc, char **argv);
#define ROWS_MAIN(rows)                                                        \
	int main(int argc, char **argv)                                        \
	{                                                                      \
		return rows_main(                                              \
		    rows, sizeof(rows) / sizeof((rows)[0]), argc, argv);       \
	}

/* For tests that are no rows: world and scene anew, and looked at after. */
int scene_setup(void **state);
int scene_teardown(void **state);

/* The one scene, in its first state: a SYN from T_CLIENT4 to T_LOCAL4:80. */
struct scene *scene_init(void);
void scene_ipv6(struct scene *s); /* the same SYN over IPv6 */
void scene_options(struct scene *s, const void *bytes, size_t len);
void scene_tuple(const struct scene *s, struct hf_tuple *key);

/* Builds and runs the frame; fills in what came of it, checks nothing. */
void scene_run(struct scene *s);

/* Runs it, and expects the counter. */
void scene_expect(struct scene *s, int verdict, int reason);

/* Sends the SYN, takes the SYN-ACK, and makes the frame the client's ACK. */
void scene_handshake(struct scene *s, int reason);
/* The same, with the connection's tuple: IPv4, then IPv6. */
void scene_of_connection(struct scene *s, int family);
/* The frame becomes the ACK that follows the SYN-ACK in `out`. */
void scene_ack(struct scene *s);
/* Changes the flow's request. */
void scene_request(struct scene *s, void (*change)(struct hf_request *req));

/* -------------------------------------------------------------- reference */

/* What an answer should be, apart from the frame that it answers. */
struct answer_fields {
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	uint8_t ttl, tos;
	uint32_t flowlabel;
	uint8_t options[40];
	size_t options_len;
};

/*
 * Writes the answer to frame `f` as a host would send it: addresses, ports
 * and MACs exchanged, tags kept, no IP options. Returns its length.
 */
size_t reference_build(const struct frame *f, const struct answer_fields *a,
		       uint8_t *buf);

/* Linux's options of a SYN-ACK, in its order; returns their length. */
size_t reference_options(uint8_t *p, uint16_t mss, int wscale, bool sack,
			 bool tstamp, uint32_t tsval, uint32_t tsecr);

/* tcp_select_initial_window() and the field's 65535. */
uint16_t reference_window(uint32_t space, uint32_t mss, bool tstamp);

/* The SYN-ACK in `out` against the whole of what Linux would have sent. */
void check_synack(struct scene *s);
void check_rst(struct scene *s);
void check_challenge(struct scene *s);

#endif
