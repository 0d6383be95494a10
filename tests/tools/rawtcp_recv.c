// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "rawtcp.h"

#define DEFAULT_WITHIN_MS 3000

static uint8_t rx[65536];

/* The kernel takes the outer tag out of the frame; put it back. */
static bool read_auxdata(struct msghdr *msg, struct frame *f)
{
	struct cmsghdr *c;
	bool csum_ready = true;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET ||
		    c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		csum_ready = !(aux.tp_status & TP_STATUS_CSUMNOTREADY);
		if ((aux.tp_status & TP_STATUS_VLAN_VALID) && f->vlans < 2) {
			f->vlan[1] = f->vlan[0];
			f->vlan[0].tci = aux.tp_vlan_tci;
			f->vlan[0].proto = aux.tp_vlan_tpid;
			f->vlans++;
		}
	}
	return csum_ready;
}

static bool is_ours(const struct raw *raw, const struct frame *f)
{
	size_t len = raw->base.family == AF_INET ? 4 : 16;

	return f->family == raw->base.family && f->sport == raw->base.dport &&
	       f->dport == raw->base.sport &&
	       !memcmp(f->src, raw->base.dst, len) &&
	       !memcmp(f->dst, raw->base.src, len);
}

/* Our state as a TCP would keep it. */
static void take_note(struct raw *raw, const struct frame *f)
{
	struct tcp_options opt;

	frame_read_options(f, &opt);
	if ((f->flags & TH_SYN) && !raw->flow.synchronized) {
		raw->flow.irs = f->seq;
		raw->flow.rcv_nxt = f->seq + 1;
		raw->flow.synchronized = true;
		raw->flow.ts_on = opt.timestamps;
	}
	if (opt.timestamps)
		raw->flow.ts_recent = opt.tsval;
}

/* The next segment of our flow, until a time; false: none came. */
static bool next_segment(struct raw *raw, struct frame *f, int64_t until)
{
	char control[256];
	struct sockaddr_ll from;
	struct iovec iov = {rx, sizeof(rx)};
	int64_t left;

	while ((left = until - raw_now_ms()) >= 0) {
		struct pollfd pfd = {raw->fd, POLLIN, 0};
		struct msghdr msg = {
		    .msg_name = &from,
		    .msg_namelen = sizeof(from),
		    .msg_iov = &iov,
		    .msg_iovlen = 1,
		    .msg_control = control,
		    .msg_controllen = sizeof(control),
		};
		ssize_t n;

		if (poll(&pfd, 1, left) <= 0)
			continue;
		n = recvmsg(raw->fd, &msg, MSG_DONTWAIT);
		if (n < 0 || from.sll_pkttype == PACKET_OUTGOING ||
		    frame_parse(f, rx, n) || !is_ours(raw, f))
			continue;
		if (read_auxdata(&msg, f) && !frame_csum_ok(f))
			raw_fail(raw, "a segment came with a bad checksum");
		if (raw->verbose)
			raw_print_frame(raw, "<-", f);
		take_note(raw, f);
		return true;
	}
	return false;
}

static int64_t deadline(const struct raw *raw, const struct words *words)
{
	return raw_now_ms() +
	       raw_number(raw, words, "within", DEFAULT_WITHIN_MS);
}

/* Flags are compared without PSH, which says nothing. */
static bool same_flags(const struct frame *f, uint8_t flags)
{
	return !((f->flags ^ flags) & ~TH_PUSH);
}

static void check_number(const struct raw *raw, const struct words *words,
			 const char *key, long value)
{
	const char *text = raw_value(words, key);
	long wanted = -1;

	if (!text)
		return;
	if (strcmp(text, "none"))
		wanted = raw_number(raw, words, key, -1);
	if (value != wanted)
		raw_fail(raw, "%s is %ld, not %ld", key, value, wanted);
}

static void check_seq(const struct raw *raw, const struct words *words,
		      const char *key, uint32_t value, uint32_t first,
		      uint32_t next)
{
	const char *text = raw_value(words, key);
	uint32_t wanted;

	if (!text)
		return;
	wanted = raw_seq(raw, text, first, next);
	if (value != wanted)
		raw_fail(raw, "%s is %u (+%u), not %u (%s)", key, value,
			 value - first, wanted, text);
}

static void check_segment(const struct raw *raw, const struct words *words,
			  const struct frame *f, int64_t began)
{
	static uint8_t text[RAW_TEXT_MAX + 1];
	const char *data = raw_value(words, "data");
	struct tcp_options opt;

	frame_read_options(f, &opt);
	check_seq(raw, words, "seq", f->seq, raw->flow.irs, raw->flow.rcv_nxt);
	check_seq(raw, words, "ack", f->ack, raw->flow.iss, raw->flow.snd_nxt);
	check_number(raw, words, "win", f->window);
	check_number(raw, words, "len", f->payload_len);
	check_number(raw, words, "mss", opt.mss);
	check_number(raw, words, "wscale", opt.wscale);
	check_number(raw, words, "sackok", opt.sack_ok);
	check_number(raw, words, "ts", opt.timestamps);
	check_number(raw, words, "ttl", f->ttl);
	check_number(raw, words, "tos", f->tos);
	check_number(
	    raw, words, "vlan", f->vlans ? f->vlan[f->vlans - 1].tci : -1);
	if (f->window < raw_number(raw, words, "minwin", 0))
		raw_fail(raw, "window is %u", f->window);
	if (raw_now_ms() - began < raw_number(raw, words, "after", 0))
		raw_fail(raw, "it came after %lld ms",
			 (long long)(raw_now_ms() - began));
	if (data && (raw_unescape(raw, data, text) != f->payload_len ||
		     memcmp(text, f->payload, f->payload_len)))
		raw_fail(raw, "other data: '%.*s'", (int)f->payload_len,
			 (const char *)f->payload);
}

/* Payload and FIN of a segment that was expected count as received. */
static void advance(struct raw *raw, const struct frame *f)
{
	if (f->seq != raw->flow.rcv_nxt)
		return;
	raw->flow.rcv_nxt += f->payload_len + !!(f->flags & TH_FIN);
}

void raw_expect(struct raw *raw, const struct words *words, bool skip_others)
{
	const char *text = words->count > 1 ? words->word[1] : "-";
	uint8_t flags = raw_flags(raw, text);
	int64_t began = raw_now_ms(), until = deadline(raw, words);
	struct frame f;

	while (next_segment(raw, &f, until)) {
		if (!same_flags(&f, flags)) {
			if (skip_others)
				continue;
			raw_print_frame(raw, "<-", &f);
			raw_fail(raw, "expected %s, another one came", text);
		}
		check_segment(raw, words, &f, began);
		advance(raw, &f);
		return;
	}
	raw_fail(raw, "expected %s, nothing came", text);
}

void raw_quiet(struct raw *raw, const struct words *words)
{
	long ms = words->count > 1 ? atol(words->word[1]) : 1000;
	int64_t until = raw_now_ms() + ms;
	struct frame f;

	while (next_segment(raw, &f, until)) {
		if (words->count > 2 &&
		    !same_flags(&f, raw_flags(raw, words->word[2])))
			continue;
		raw_print_frame(raw, "<-", &f);
		raw_fail(raw, "nothing should have come");
	}
}

void raw_count(struct raw *raw, const struct words *words)
{
	int64_t until = deadline(raw, words);
	struct frame f;
	uint8_t flags;
	long n = 0;

	if (words->count < 3)
		raw_fail(raw, "count FLAGS N within=MS");
	flags = raw_flags(raw, words->word[1]);
	while (next_segment(raw, &f, until))
		n += same_flags(&f, flags);
	if (n != atol(words->word[2]))
		raw_fail(raw, "%ld came, not %s", n, words->word[2]);
}

/* New bytes of a segment: compared, counted. */
static size_t take_payload(struct raw *raw, const struct frame *f,
			   const uint8_t *wanted, size_t left)
{
	uint32_t old = raw->flow.rcv_nxt - f->seq;
	size_t n = 0;

	if ((int32_t)old < 0 || old > f->payload_len)
		return 0;
	for (; old + n < f->payload_len; n++) {
		uint8_t c = f->payload[old + n];

		if (n >= left)
			raw_fail(raw, "%zu bytes too many",
				 f->payload_len - old - n);
		if (wanted && c != wanted[n])
			raw_fail(
			    raw, "stream byte %u is 0x%02x, not 0x%02x",
			    raw->flow.rcv_nxt + (uint32_t)n - raw->flow.irs - 1,
			    c, wanted[n]);
	}
	raw->flow.rcv_nxt += n;
	return n;
}

static void recv_eof(struct raw *raw, int64_t until)
{
	struct frame f;

	while (next_segment(raw, &f, until)) {
		if (f.flags & TH_RST)
			raw_fail(raw, "RST in place of the FIN");
		if (f.payload_len &&
		    (int32_t)(f.seq + f.payload_len - raw->flow.rcv_nxt) > 0)
			raw_fail(raw, "data in place of the FIN");
		if ((f.flags & TH_FIN) &&
		    f.seq + f.payload_len == raw->flow.rcv_nxt) {
			raw->flow.rcv_nxt++;
			raw_send_ack(raw, TH_ACK);
			return;
		}
	}
	raw_fail(raw, "no FIN came");
}

void raw_recv(struct raw *raw, const struct words *words)
{
	static uint8_t wanted[RAW_TEXT_MAX + 1];
	int64_t until = deadline(raw, words);
	const char *text = raw_value(words, "data");
	const char *arg = words->count > 1 ? words->word[1] : "";
	long i, n, done = 0, total = atol(arg);
	struct frame f;

	if (!strcmp(arg, "eof")) {
		recv_eof(raw, until);
		return;
	}
	if (text)
		total = raw_unescape(raw, text, wanted);
	if (total < 1 || total > RAW_TEXT_MAX)
		raw_fail(raw, "recv: 1 to %d bytes", RAW_TEXT_MAX);
	for (i = 0; !text && i < total; i++)
		wanted[i] =
		    raw_pattern(raw->flow.rcv_nxt - raw->flow.irs - 1 + i);
	while (done < total && next_segment(raw, &f, until)) {
		if (f.flags & TH_RST)
			raw_fail(raw, "RST after %ld bytes", done);
		n = take_payload(raw, &f,
				 raw_value(words, "any") ? NULL : wanted + done,
				 total - done);
		done += n;
		if (f.payload_len)
			raw_send_ack(raw, TH_ACK);
	}
	if (done < total)
		raw_fail(raw, "%ld of %ld bytes came", done, total);
}
