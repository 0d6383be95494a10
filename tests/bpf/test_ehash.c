// SPDX-License-Identifier: BSD-2-Clause
/*
 * Existing connections: nothing that somebody forges on their tuple disturbs
 * them. And the guard against floods of ACKs, which drops only what nobody
 * knows.
 */
#include <linux/bpf.h>
#include <unistd.h>

#include "bpftest.h"

#define RATE 128 /* unknown segments a second that switch the guard on */
#define SAMPLE 64

static struct hf_listener *listener(const struct scene *s)
{
	return &env.listener[s->listener];
}

/*
 * A connection, then a SYN that somebody forges on its tuple: there is a
 * request now. The frame is the connection's own segment.
 */
static void forged_syn(struct scene *s)
{
	uint32_t seq = s->frame.seq;

	scene_of_connection(s, s->frame.family);
	scene_handshake(s, HF_R_synack_state);
	s->frame.seq = seq + 0x30000000;
	s->frame.ack = s->iss + 0x20000000;
	scene_options(s, NULL, 0);
}

#define FORGED(name, change)                                                   \
	static void name(struct scene *s)                                      \
	{                                                                      \
		forged_syn(s);                                                 \
		change;                                                        \
	}

/* How far the request's window is from the connection's. */
#define INTO_WINDOW (s->frame.seq -= 0x30000000, s->frame.seq += 500)

FORGED(in_window, INTO_WINDOW)
FORGED(data, (s->frame.payload = (const uint8_t *)"abc",
	      s->frame.payload_len = 3, s->frame.flags |= TH_PUSH))
FORGED(fin, s->frame.flags |= TH_FIN)
FORGED(rst_ack, s->frame.flags |= TH_RST)
FORGED(rst_ack_in_window, (s->frame.flags |= TH_RST, INTO_WINDOW))
FORGED(rst_alone, s->frame.flags = TH_RST)
FORGED(rst_alone_in_window, (s->frame.flags = TH_RST, INTO_WINDOW))
FORGED(rst_alone_exact,
       (s->frame.flags = TH_RST, INTO_WINDOW, s->frame.seq -= 500))
/* The ACK fits by chance, the sequence number does not. */
FORGED(ack_fits, s->frame.ack = s->iss + 1)
FORGED(no_worker, worker_set(0, false))
FORGED(closing, listener(s)->state = HF_LISTENER_CLOSING)

static void other_generation(struct hf_request *req)
{
	req->expires_ns = 1;
}

FORGED(expired, scene_request(s, other_generation))
FORGED(queue_full, acceptq_place(s->listener, 100))

static void passes_again(struct scene *s)
{
	assert_int_equal(env.fills->half_open, 0);
	assert_int_equal(listener(s)->synq_len, 0);
	/* The short way from now on. */
	scene_expect(s, XDP_PASS, NOTHING);
	assert_memory_equal(s->out, s->in, s->in_len);
}

/* What the real client does with our SYN-ACK: a challenge ACK. */
static void clients_challenge(struct scene *s)
{
	forged_syn(s);
	s->frame.window = 1000;
}

static void forged_in_cookie_mode(struct scene *s)
{
	listener(s)->cookies = HF_COOKIES_ALWAYS;
	scene_of_connection(s, s->frame.family);
	scene_handshake(s, HF_R_synack_cookie);
	s->frame.seq += 0x30000000;
	s->frame.ack += 0x20000000;
	scene_options(s, NULL, 0);
}

static void established_segment(struct scene *s)
{
	scene_of_connection(s, s->frame.family);
	s->frame.flags = TH_ACK;
	s->frame.ack = 77;
}

/* ------------------------------------------------- sockets that are none */

static void time_wait(struct scene *s)
{
	forged_syn(s);
	connection_time_wait(&s->connection);
}

static void only_listener(struct scene *s)
{
	scene_handshake(s, HF_R_synack_state);
	s->connection.server = kernel_listen(s->frame.family, T_PORT);
	s->connection.client = dup(s->connection.server);
	s->frame.ack += 99;
}

static void other_tuple(struct scene *s)
{
	forged_syn(s);
	connection_close(&s->connection);
}

/* ------------------------------------------------------------------ guard */

static void unknown(struct scene *s)
{
	s->frame.flags = TH_ACK;
	s->frame.ack = 4711;
	CONFIG_SET(guard_rate, RATE);
}

static void guard_on(struct scene *s)
{
	struct hf_guard guard = {.until_ns = now_ns() + SEC};

	unknown(s);
	guard_put(&guard);
}

static void run_times(struct scene *s, int n)
{
	for (int i = 0; i < n; i++) {
		scene_run(s);
		assert_int_equal(s->verdict, XDP_PASS);
	}
}

/* The next one is the one in 64 that is looked up. */
static void sampled(struct scene *s)
{
	unknown(s);
	run_times(s, SAMPLE - 1);
}

static void sampled_known(struct scene *s)
{
	established_segment(s);
	CONFIG_SET(guard_rate, RATE);
	run_times(s, SAMPLE - 1);
}

static void not_sampled(struct scene *s)
{
	unknown(s);
	run_times(s, SAMPLE - 2);
}

static void guard_never(struct scene *s)
{
	sampled(s);
	CONFIG_SET(guard_rate, 0);
}

static void guard_is_off(struct scene *s)
{
	struct hf_guard guard;

	(void)s;
	guard_get(&guard);
	assert_int_equal(guard.until_ns, 0);
}

/* More than RATE of them, as far as a sample tells: it goes on. */
static void flood(struct scene *s)
{
	struct hf_guard guard;

	unknown(s);
	run_times(s, 2 * SAMPLE);
	guard_get(&guard);
	assert_int_equal(guard.until_ns, 0);
	assert_int_equal(guard.unknown, RATE);
	run_times(s, SAMPLE);
	guard_get(&guard);
	assert_true(guard.until_ns > now_ns());
}

/* The sampled window is a second long. */
static void slow_flood(struct scene *s)
{
	struct hf_guard guard = {
	    .window_ns = now_ns() - 2 * SEC,
	    .unknown = RATE,
	    .seen = SAMPLE - 1,
	};

	unknown(s);
	guard_put(&guard);
}

static void window_anew(struct scene *s)
{
	struct hf_guard guard;

	guard_is_off(s);
	guard_get(&guard);
	assert_in_range(guard.window_ns, s->start_ns, s->end_ns);
	assert_int_equal(guard.unknown, SAMPLE);
}

static void guard_over(struct scene *s)
{
	struct hf_guard guard = {.until_ns = 1};

	unknown(s);
	guard_put(&guard);
}

static void flood_goes_on(struct scene *s)
{
	struct hf_guard guard = {
	    .until_ns = now_ns() + SEC,
	    .window_ns = now_ns(),
	    .unknown = RATE,
	};

	unknown(s);
	guard_put(&guard);
}

static void guard_longer(struct scene *s)
{
	struct hf_guard guard;

	guard_get(&guard);
	assert_true(guard.until_ns > s->end_ns + SEC);
}

#define GUARDED(name, change)                                                  \
	static void name(struct scene *s)                                      \
	{                                                                      \
		guard_on(s);                                                   \
		change;                                                        \
	}

GUARDED(guard_data,
	(s->frame.payload = (const uint8_t *)"abc", s->frame.payload_len = 3))
GUARDED(guard_rst, s->frame.flags = TH_RST)
GUARDED(guard_syn_ack, s->frame.flags = TH_SYN | TH_ACK)
GUARDED(guard_forwarded,
	frame_parse_addr(s->frame.family == AF_INET ? "10.9.0.77" : "fd09::77",
			 s->frame.dst))
GUARDED(guard_other_mac, s->frame.dmac[5] ^= 1)
GUARDED(guard_other_device, s->ifindex = env.other_ifindex)
GUARDED(guard_other_port, s->frame.dport = T_PORT_FREE)
GUARDED(guard_no_worker, worker_set(0, false))
GUARDED(guard_cookie_mode, env.port[T_PORT].cookies = 1)
GUARDED(guard_syn, s->frame.flags = TH_SYN)

static void guard_tagged(struct scene *s)
{
	guard_on(s);
	s->frame.vlans = 1;
	s->frame.vlan[0] = (struct vlan_tag){0x8100, 0};
}

static void guard_known(struct scene *s)
{
	established_segment(s);
	guard_on(s);
}

static void guard_time_wait(struct scene *s)
{
	guard_known(s);
	connection_time_wait(&s->connection);
}

static void guard_kernel_listener(struct scene *s)
{
	guard_on(s);
	s->connection.server = kernel_listen(s->frame.family, T_PORT);
	s->connection.client = dup(s->connection.server);
}

static void guard_good_cookie(struct scene *s)
{
	struct hf_guard guard = {.until_ns = now_ns() + SEC};

	CONFIG_SET(guard_rate, RATE);
	guard_put(&guard);
	listener(s)->cookies = HF_COOKIES_ALWAYS;
	scene_handshake(s, HF_R_synack_cookie);
}

static void guard_request(struct scene *s)
{
	struct hf_guard guard = {.until_ns = now_ns() + SEC};

	CONFIG_SET(guard_rate, RATE);
	guard_put(&guard);
	scene_handshake(s, HF_R_synack_state);
}

/* The connection's segment passes, the request that somebody made goes. */
#define KNOWN                                                                  \
	XDP_PASS, HF_R_pass_known, HF_R_request_bogus, AS_IT_CAME, NO_REQUEST, \
	    passes_again
#define PASSED XDP_PASS, NOTHING, 0, AS_IT_CAME, NO_REQUEST
#define LOOKED_UP XDP_PASS, NOTHING, HF_R_guard_lookups, AS_IT_CAME, NO_REQUEST
#define UNKNOWN .info2 = HF_R_guard_unknown
#define GUARD_DROPS                                                            \
	XDP_DROP, HF_R_drop_ack_unknown, HF_R_guard_lookups, AS_IT_CAME,       \
	    NO_REQUEST

static const struct row rows[] = {
    {"connection's segment passes, no request", established_segment, PASSED},
    {"connection's segment passes, no request, IPv6", established_segment,
     PASSED, .ipv6 = true},
    {"forged SYN: the connection's ACK passes", forged_syn, KNOWN},
    {"forged SYN: the connection's ACK passes, IPv6", forged_syn, KNOWN,
     .ipv6 = true},
    {"forged SYN: the client's challenge ACK passes", clients_challenge, KNOWN},
    {"forged SYN: data passes", data, KNOWN},
    {"forged SYN: FIN passes", fin, KNOWN},
    {"forged SYN: RST with ACK passes", rst_ack, KNOWN},
    {"forged SYN: RST passes", rst_alone, KNOWN},
    {"forged SYN in the window: the ACK passes", in_window, KNOWN},
    {"forged SYN in the window: RST with ACK passes", rst_ack_in_window, KNOWN},
    {"forged SYN in the window: RST passes", rst_alone_in_window, KNOWN},
    {"forged SYN in the window: RST passes, IPv6", rst_alone_in_window, KNOWN,
     .ipv6 = true},
    {"forged SYN with the exact number: RST passes", rst_alone_exact, KNOWN},
    {"forged SYN, the ACK fits by chance", ack_fits, KNOWN},
    {"forged SYN, accept queue full", queue_full, KNOWN},
    {"forged SYN, no worker", no_worker, KNOWN},
    {"forged SYN, no worker, IPv6", no_worker, KNOWN, .ipv6 = true},
    {"forged SYN, listener closes", closing, XDP_PASS, HF_R_pass_closing, 0,
     AS_IT_CAME, AS_BEFORE},
    {"forged SYN past its time", expired, XDP_PASS, HF_R_pass_expired, 0,
     AS_IT_CAME, AS_BEFORE},
    {"forged SYN in cookie mode", forged_in_cookie_mode, PASSED},

    {"TIME_WAIT is no connection: RST", time_wait, XDP_TX, HF_R_rst_wrong_ack,
     0, A_RST, AS_BEFORE},
    {"the kernel's listener is no connection: RST", only_listener, XDP_TX,
     HF_R_rst_wrong_ack, 0, A_RST, AS_BEFORE},
    {"a connection that is gone: RST", other_tuple, XDP_TX, HF_R_rst_wrong_ack,
     0, A_RST, AS_BEFORE},

    {"guard: one segment in 64 is looked up", sampled, LOOKED_UP, guard_is_off,
     UNKNOWN},
    {"guard: one segment in 64 is looked up, IPv6", sampled, LOOKED_UP,
     guard_is_off, UNKNOWN, .ipv6 = true},
    {"guard: the others are not", not_sampled, PASSED},
    {"guard: a known one counts nothing", sampled_known, LOOKED_UP,
     guard_is_off},
    {"guard_rate 0: never", guard_never, PASSED},
    {"guard: a slow flood does not switch it on", slow_flood, LOOKED_UP,
     window_anew, UNKNOWN},
    {"guard: a flood switches it on, unknown segments drop", flood, GUARD_DROPS,
     NULL, UNKNOWN},
    {"guard on: drops unknown ACKs", guard_on, GUARD_DROPS, NULL, UNKNOWN},
    {"guard on: drops unknown ACKs, IPv6", guard_on, GUARD_DROPS, NULL, UNKNOWN,
     .ipv6 = true},
    {"guard on: drops unknown data", guard_data, GUARD_DROPS, NULL, UNKNOWN},
    {"guard on: drops unknown RSTs", guard_rst, GUARD_DROPS, NULL, UNKNOWN},
    {"guard on: drops unknown SYN-ACKs", guard_syn_ack, GUARD_DROPS, NULL,
     UNKNOWN},
    {"guard on: drops bad cookies", guard_cookie_mode, GUARD_DROPS, NULL,
     UNKNOWN},
    {"guard on: the kernel's listener is no connection", guard_kernel_listener,
     GUARD_DROPS, NULL, UNKNOWN},
    {"guard on: connections pass", guard_known, LOOKED_UP},
    {"guard on: connections pass, IPv6", guard_known, LOOKED_UP, .ipv6 = true},
    {"guard on: TIME_WAIT passes", guard_time_wait, LOOKED_UP},
    {"guard on: forwarded traffic passes", guard_forwarded, LOOKED_UP},
    {"guard on: forwarded traffic passes, IPv6", guard_forwarded, LOOKED_UP,
     .ipv6 = true},
    {"guard on: frames for other MACs pass", guard_other_mac, LOOKED_UP},
    {"guard on: other devices' frames pass", guard_other_device, LOOKED_UP},
    {"guard on: no worker, all pass", guard_no_worker, LOOKED_UP},
    {"guard on: other ports pass", guard_other_port, PASSED},
    {"guard on: tagged frames pass", guard_tagged, PASSED},
    {"guard on: SYNs are answered", guard_syn, XDP_TX, HF_R_synack_state, 0,
     A_SYNACK, SYN_RECV},
    {"guard on: a good cookie counts", guard_good_cookie, XDP_REDIRECT,
     HF_R_redirect_cookie, 0, AS_IT_CAME, ACKED},
    {"guard on: a request's ACK counts", guard_request, XDP_REDIRECT,
     HF_R_redirect_acked, 0, AS_IT_CAME, ACKED},
    {"guard: its time is over", guard_over, LOOKED_UP, guard_is_off, UNKNOWN},
    {"guard: stays on while the flood does", flood_goes_on, GUARD_DROPS,
     guard_longer, UNKNOWN},
};

ROWS_MAIN(rows)
