// SPDX-License-Identifier: BSD-2-Clause
/*
 * The running kernel as the reference: it and the XDP program get the same
 * segments, and have to answer with the same frames. What may differ is ISN,
 * clock and flow label.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bpftest.h"
#include "options.h"

#define PORT 8080
#define WAIT_MS 2000

/* One of the two that answer, as the client sees it. */
struct side {
	uint8_t out[T_FRAME_MAX];
	size_t len;
	uint32_t iss, tsval;
};

struct exchange {
	const char *rule;
	void (*options)(struct scene *s);
	/* The segment after the SYN-ACK; NULL: it is about the SYN-ACK. */
	void (*second)(struct frame *f, const struct side *side);
	uint8_t flags; /* of the answer */
	int since;     /* Linux 6.this; 0: any */
};

static int wire = -1;
static uint16_t next_port = 30000;

/* ----------------------------------------------------------------- wire */

static void wire_open(void)
{
	struct sockaddr_ll addr = {
	    .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL),
	    .sll_ifindex = env.other_ifindex,
	};

	wire = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (wire < 0 || bind(wire, (struct sockaddr *)&addr, sizeof(addr))) {
		perror("packet socket");
		exit(1);
	}
}

static void wire_send(const struct frame *f)
{
	uint8_t buf[T_FRAME_MAX];
	size_t len = frame_build(f, buf, sizeof(buf));

	if (send(wire, buf, len, 0) != (ssize_t)len)
		fail_msg("sending to the kernel: %s", strerror(errno));
}

/* The kernel's answer to the client's port. */
static void wire_receive(const struct frame *f, struct side *side)
{
	struct pollfd p = {.fd = wire, .events = POLLIN};
	uint64_t end = now_ns() + WAIT_MS * MSEC;
	struct frame got;

	while (now_ns() < end) {
		ssize_t n;

		if (poll(&p, 1, 100) <= 0)
			continue;
		n = recv(wire, side->out, sizeof(side->out), 0);
		if (n <= 0 || frame_parse(&got, side->out, (size_t)n) ||
		    got.sport != PORT || got.dport != f->sport)
			continue;
		side->len = (size_t)n;
		return;
	}
	fail_msg("the kernel does not answer");
}

static void side_learn(struct side *side)
{
	struct tcp_options opt;
	struct frame got;

	assert_int_equal(frame_parse(&got, side->out, side->len), 0);
	frame_read_options(&got, &opt);
	side->iss = got.seq;
	side->tsval = opt.tsval;
}

/* ------------------------------------------------------------- comparison */

/* Offset of the option's value of 4 bytes, 0: none. */
static size_t tsval_offset(const struct frame *f)
{
	for (size_t i = 0; i + 10 <= f->options_len; i++)
		if (f->options[i] == 8 && f->options[i + 1] == 10)
			return 20 + i + 2;
	return 0;
}

/* Takes out what the two may differ in; checks what that was worth. */
static void normalise(struct side *side)
{
	uint8_t *tcp = side->out;
	struct frame f;
	uint32_t seq;
	size_t at;

	assert_int_equal(frame_parse(&f, side->out, side->len), 0);
	assert_true(frame_csum_ok(&f));
	tcp += f.payload - side->out - 20 - f.options_len;
	seq = f.seq - side->iss;
	/* A RST that acknowledges has number 0. */
	if ((f.flags & (TH_RST | TH_ACK)) == (TH_RST | TH_ACK))
		seq = f.seq;
	seq = htonl(seq);
	memcpy(tcp + 4, &seq, 4);
	memset(tcp + 16, 0, 2); /* checksum */
	at = tsval_offset(&f);
	if (at)
		memset(tcp + at, 0, 4);
	if (f.family == AF_INET6) {
		side->out[15] &= 0xf0;
		memset(side->out + 16, 0, 2);
	}
}

static void assert_same(struct side *ours, struct side *kernel)
{
	normalise(ours);
	normalise(kernel);
	for (size_t i = 0; i < kernel->len && i < ours->len; i++)
		if (ours->out[i] != kernel->out[i])
			fail_msg("byte %zu is %#x, the kernel's %#x", i,
				 ours->out[i], kernel->out[i]);
	assert_int_equal(ours->len, kernel->len);
}

static void assert_flags(const struct side *side, uint8_t flags)
{
	struct frame f;

	assert_int_equal(frame_parse(&f, side->out, side->len), 0);
	assert_int_equal(f.flags, flags);
}

/* --------------------------------------------------------------- segments */

OPTIONS(mss, MSS(1460))
OPTIONS(mss_ws, MSS(1460), 1, WS(7))
OPTIONS(windows, MSS(1460), 1, WS(8), 1, 1, SACK)
OPTIONS(mss_sack, MSS(1400), 1, 1, SACK)
OPTIONS(mss_ts, MSS(1460), 1, 1, TS)
OPTIONS(mss_ts_ws, MSS(1460), 1, 1, TS, 1, WS(2))
OPTIONS(mss_sack_ts, MSS(1460), SACK, TS)
OPTIONS(all, MSS(1460), SACK, TS, 1, WS(7))
OPTIONS(hostile, 1, WS(200), SACK, TS, 254, 4, 9, 9, MSS(88), 1)
OPTIONS(malformed, SACK, 1, 1, 3, 0, MSS(1460))
OPTIONS(fast_open, MSS(1460), 34, 2, 1, 1)

static void none(struct scene *s)
{
	scene_options(s, NULL, 0);
}

/* The ACK as it should be. */
static void ack(struct frame *f, const struct side *side)
{
	uint8_t *p = f->options;

	f->flags = TH_ACK;
	f->seq++;
	f->ack = side->iss + 1;
	memset(p, 1, sizeof(f->options));
	f->options_len = 0;
	if (!side->tsval)
		return;
	memcpy(p, (uint8_t[]){1, 1, 8, 10, 0, 0, 0x13, 0x89}, 8);
	for (int i = 0; i < 4; i++)
		p[8 + i] = (uint8_t)(side->tsval >> (24 - i * 8));
	f->options_len = 12;
}

#define SECOND(name, change)                                                   \
	static void name(struct frame *f, const struct side *side)             \
	{                                                                      \
		ack(f, side);                                                  \
		change;                                                        \
	}

SECOND(ack_too_far, f->ack++)
SECOND(ack_of_isn, f->ack--)
SECOND(wrong_ack_fin, (f->ack += 5, f->flags |= TH_FIN))
SECOND(wrong_ack_syn, (f->ack += 5, f->flags |= TH_SYN))
SECOND(seq_before, f->seq--)
SECOND(seq_far, f->seq += 0x30000000)
SECOND(old_tsval, f->options[6] = 0)
SECOND(other_tsecr, f->options[11]--)
SECOND(syn_ack, f->flags |= TH_SYN)
SECOND(syn_fin, (f->flags = TH_SYN | TH_FIN, f->seq += 5))

static void syn_in_window(struct frame *f, const struct side *side)
{
	(void)side;
	f->seq += 1000;
}

static void syn_data_in_window(struct frame *f, const struct side *side)
{
	syn_in_window(f, side);
	f->payload = (const uint8_t *)"abc";
	f->payload_len = 3;
}

static void syn_before(struct frame *f, const struct side *side)
{
	(void)side;
	f->seq -= 1000;
}

static const struct exchange exchanges[] = {
    {"SYN-ACK: no options", none, NULL, TH_SYN | TH_ACK},
    {"SYN-ACK: MSS", mss, NULL, TH_SYN | TH_ACK},
    {"SYN-ACK: MSS, scale", mss_ws, NULL, TH_SYN | TH_ACK},
    {"SYN-ACK: MSS, SACK", mss_sack, NULL, TH_SYN | TH_ACK},
    {"SYN-ACK: Windows", windows, NULL, TH_SYN | TH_ACK},
    {"SYN-ACK: MSS, timestamps", mss_ts, NULL, TH_SYN | TH_ACK},
    {"SYN-ACK: MSS, timestamps, scale", mss_ts_ws, NULL, TH_SYN | TH_ACK},
    {"SYN-ACK: MSS, SACK, timestamps", mss_sack_ts, NULL, TH_SYN | TH_ACK},
    {"SYN-ACK: Linux", all, NULL, TH_SYN | TH_ACK},
    {"SYN-ACK: options in no usual order", hostile, NULL, TH_SYN | TH_ACK},
    {"SYN-ACK: a malformed option", malformed, NULL, TH_SYN | TH_ACK},
    {"SYN-ACK: Fast Open", fast_open, NULL, TH_SYN | TH_ACK},
    {"RST: ACK of data never sent", all, ack_too_far, TH_RST},
    {"RST: ACK of the ISN, no options", none, ack_of_isn, TH_RST},
    {"RST: wrong ACK with FIN", all, wrong_ack_fin, TH_RST},
    {"RST: wrong ACK with SYN", all, wrong_ack_syn, TH_RST},
    {"RST: SYN in the window", all, syn_in_window, TH_RST | TH_ACK},
    {"RST: SYN with data in the window", all, syn_data_in_window,
     TH_RST | TH_ACK},
    {"RST: SYN and FIN in the window", none, syn_fin, TH_RST | TH_ACK},
    {"RST: SYN-ACK in the window", all, syn_ack, TH_RST},
    {"ACK: before the window", all, seq_before, TH_ACK},
    {"ACK: before the window, no options", none, seq_before, TH_ACK},
    {"ACK: far behind the window, scale", mss_ws, seq_far, TH_ACK},
    {"ACK: PAWS", all, old_tsval, TH_ACK},
    {"ACK: TSecr of nothing sent", all, other_tsecr, TH_ACK, 15},
    {"ACK: SYN before the window", all, syn_before, TH_ACK},
};

/* ------------------------------------------------------------------- runs */

/* A case is an exchange over one of the families. */
struct run {
	const struct exchange *exchange;
	int family;
	char name[80];
};

static struct scene *scene_of(const struct run *run)
{
	struct scene *s = scene_init();

	if (run->family == AF_INET6)
		scene_ipv6(s);
	s->frame.dport = PORT;
	s->frame.sport = next_port;
	run->exchange->options(s);
	return s;
}

/* The kernel keeps no request that it would answer again. */
static void kernel_forget(struct frame *f, const struct side *side,
			  uint32_t irs)
{
	f->seq = irs;
	ack(f, side);
	f->payload_len = 0;
	f->flags = TH_RST;
	wire_send(f);
}

static void ask_kernel(const struct run *run, struct side *kernel)
{
	struct frame f = scene_of(run)->frame;
	uint32_t irs = f.seq;

	wire_send(&f);
	wire_receive(&f, kernel);
	side_learn(kernel);
	if (run->exchange->second) {
		run->exchange->second(&f, kernel);
		wire_send(&f);
		wire_receive(&f, kernel);
	}
	kernel_forget(&f, kernel, irs);
}

static void side_take(struct side *side, struct scene *s)
{
	scene_run(s);
	if (s->verdict != XDP_TX)
		fail_msg("no answer: %s", reason_name(s->reason));
	memcpy(side->out, s->out, s->out_len);
	side->len = s->out_len;
}

static void ask_ours(const struct run *run, struct side *ours)
{
	struct scene *s = scene_of(run);

	side_take(ours, s);
	side_learn(ours);
	if (!run->exchange->second)
		return;
	run->exchange->second(&s->frame, ours);
	side_take(ours, s);
}

/* What the daemon would find out from the kernel. */
static void listeners_like_kernel(void)
{
	static int scale = -1;
	struct tcp_options opt;
	struct frame f;

	env.port[PORT].any4 = L_ANY4;
	env.port[PORT].any6 = L_ANY6;
	DEVICE_SET(hop_limit, 64);
	if (scale < 0) {
		static const struct exchange scaled = {.options = mss_ws};
		struct run run = {.exchange = &scaled, .family = AF_INET};
		struct side kernel = {};

		ask_kernel(&run, &kernel);
		assert_int_equal(frame_parse(&f, kernel.out, kernel.len), 0);
		frame_read_options(&f, &opt);
		scale = opt.wscale;
		next_port++;
	}
	env.listener[L_ANY4].rcv_wscale = (__u8)scale;
	env.listener[L_ANY6].rcv_wscale = (__u8)scale;
}

static bool kernel_is_older(int since)
{
	int major = 0, minor = 0;
	struct utsname name;

	assert_int_equal(uname(&name), 0);
	sscanf(name.release, "%d.%d", &major, &minor);
	return major < 6 || (major == 6 && minor < since);
}

static void test_exchange(void **state)
{
	const struct run *run = *state;
	struct side kernel = {}, ours = {};

	if (run->exchange->since && kernel_is_older(run->exchange->since))
		skip();
	listeners_like_kernel();
	ask_kernel(run, &kernel);
	ask_ours(run, &ours);
	next_port++;
	assert_flags(&kernel, run->exchange->flags);
	assert_same(&ours, &kernel);
}

#define EXCHANGES (sizeof(exchanges) / sizeof(exchanges[0]))

int main(int argc, char **argv)
{
	static struct run runs[2 * EXCHANGES];
	static struct CMUnitTest tests[2 * EXCHANGES];
	int failed;

	for (size_t i = 0; i < 2 * EXCHANGES; i++) {
		struct run *run = &runs[i];

		run->exchange = &exchanges[i / 2];
		run->family = i % 2 ? AF_INET6 : AF_INET;
		snprintf(run->name, sizeof(run->name), "%s%s",
			 run->exchange->rule, i % 2 ? ", IPv6" : "");
		tests[i] = (struct CMUnitTest){
		    run->name, test_exchange, scene_setup, scene_teardown, run};
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	env_make();
	wire_open();
	if (kernel_listen(AF_INET, PORT) < 0 ||
	    kernel_listen(AF_INET6, PORT) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	env_free();
	return failed;
}
