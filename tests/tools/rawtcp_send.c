// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "rawtcp.h"

static uint8_t payload[RAW_TEXT_MAX + 1];

static uint32_t our_tsval(const struct raw *raw)
{
	return raw_now_ms() - raw->start_ms + 100000;
}

static void add_option(const struct raw *raw, struct frame *f, const void *opt,
		       size_t len)
{
	if (f->options_len + len > sizeof(f->options))
		raw_fail(raw, "more than 40 bytes of options");
	memcpy(f->options + f->options_len, opt, len);
	f->options_len += len;
}

/* "+5" and "-5" are relative to the right value. */
static uint32_t relative(const struct words *words, const char *key,
			 uint32_t right)
{
	const char *text = raw_value(words, key);

	if (!text)
		return right;
	if (*text == '+' || *text == '-')
		return right + (uint32_t)strtol(text, NULL, 0);
	return strtoul(text, NULL, 0);
}

static void add_timestamps(const struct raw *raw, const struct words *words,
			   struct frame *f, bool aligned)
{
	uint32_t tsval = htonl(relative(words, "tsval", our_tsval(raw)));
	uint32_t tsecr = htonl(relative(words, "tsecr", raw->flow.ts_recent));
	uint8_t opt[12] = {1, 1, 8, 10};
	int skip = aligned ? 0 : 2;

	memcpy(opt + 4, &tsval, 4);
	memcpy(opt + 8, &tsecr, 4);
	add_option(raw, f, opt + skip, sizeof(opt) - skip);
}

static void add_number(const struct raw *raw, struct frame *f, int kind,
		       int len, long value)
{
	uint8_t opt[4] = {kind, len, value, 0};

	if (len == 4) {
		opt[2] = value >> 8;
		opt[3] = value;
	}
	add_option(raw, f, opt, len);
}

static size_t parse_hex(const struct raw *raw, const char *text, uint8_t *out,
			size_t size)
{
	size_t n = 0;

	for (; *text; text += 2, n++)
		if (n == size || sscanf(text, "%2hhx", &out[n]) != 1 ||
		    !text[1])
			raw_fail(raw, "bad hexadecimal bytes: '%s'", text);
	return n;
}

/* The layout that Linux sends. */
static void add_linux(const struct raw *raw, const struct words *words,
		      struct frame *f)
{
	add_number(raw, f, 2, 4, raw_number(raw, words, "mss", 1460));
	add_option(raw, f, "\4\2", 2);
	add_timestamps(raw, words, f, false);
	add_option(raw, f, "\1", 1);
	add_number(raw, f, 3, 3, raw_number(raw, words, "wscale", 7));
}

static void add_options(const struct raw *raw, const struct words *words,
			struct frame *f)
{
	uint8_t bytes[40];
	int i;

	if (raw->flow.ts_on && !(f->flags & (TH_SYN | TH_RST)) &&
	    !raw_value(words, "nots") && !raw_value(words, "ts"))
		add_timestamps(raw, words, f, true);
	if (raw_value(words, "linux")) {
		add_linux(raw, words, f);
		return;
	}
	for (i = 2; i < words->count; i++) {
		const char *w = words->word[i];

		if (!strncmp(w, "mss=", 4))
			add_number(raw, f, 2, 4, atoi(w + 4));
		else if (!strncmp(w, "wscale=", 7))
			add_number(raw, f, 3, 3, atoi(w + 7));
		else if (!strcmp(w, "sackok"))
			add_option(raw, f, "\4\2", 2);
		else if (!strcmp(w, "ts"))
			add_timestamps(raw, words, f, false);
		else if (!strcmp(w, "nop"))
			add_option(raw, f, "\1", 1);
		else if (!strncmp(w, "opt=", 4))
			add_option(
			    raw, f, bytes, parse_hex(raw, w + 4, bytes, 40));
	}
}

static void add_payload(const struct raw *raw, const struct words *words,
			struct frame *f)
{
	const char *text = raw_value(words, "data");
	long i, len = raw_number(raw, words, "len", 0);

	if (len < 0 || len > RAW_TEXT_MAX)
		raw_fail(raw, "len: 0 to %d", RAW_TEXT_MAX);
	for (i = 0; i < len; i++)
		payload[i] = raw_pattern(f->seq - raw->flow.iss - 1 + i);
	if (text)
		len = raw_unescape(raw, text, payload);
	f->payload = payload;
	f->payload_len = len;
}

static void add_addresses(const struct raw *raw, const struct words *words,
			  struct frame *f)
{
	const char *text;
	int i;

	f->sport = raw_number(raw, words, "sport", f->sport);
	f->dport = raw_number(raw, words, "dport", f->dport);
	text = raw_value(words, "src");
	if (text && frame_parse_addr(text, f->src) != f->family)
		raw_fail(raw, "src: no address of this family: '%s'", text);
	text = raw_value(words, "dst");
	if (text && frame_parse_addr(text, f->dst) != f->family)
		raw_fail(raw, "dst: no address of this family: '%s'", text);
	text = raw_value(words, "dmac");
	if (text && frame_parse_mac(text, f->dmac))
		raw_fail(raw, "dmac: no MAC address: '%s'", text);
	for (i = 2; i < words->count; i++) {
		const char *w = words->word[i];
		bool outer = !strncmp(w, "svlan=", 6);

		if (!outer && strncmp(w, "vlan=", 5))
			continue;
		if (f->vlans == 2)
			raw_fail(raw, "at most two VLAN tags");
		f->vlan[f->vlans].proto = outer ? 0x88a8 : 0x8100;
		f->vlan[f->vlans++].tci = atoi(strchr(w, '=') + 1);
	}
}

/* A checksum: absent, "bad" (a random value is wrong enough), a number. */
static int checksum(const struct raw *raw, const struct words *words,
		    const char *key)
{
	const char *text = raw_value(words, key);

	if (text && !strcmp(text, "bad"))
		return 0xdead;
	return raw_number(raw, words, key, FRAME_AUTO);
}

static void add_oddities(const struct raw *raw, const struct words *words,
			 struct frame *f)
{
	const char *text;

	f->tos = raw_number(raw, words, "tos", f->tos);
	f->ttl = raw_number(raw, words, "ttl", f->ttl);
	f->urg = raw_number(raw, words, "urg", 0);
	f->df = !raw_value(words, "nodf");
	f->tcp_csum = checksum(raw, words, "csum");
	f->ip_csum = checksum(raw, words, "ipcsum");
	f->ip_len = raw_number(raw, words, "iplen", FRAME_AUTO);
	f->ip_ihl = raw_number(raw, words, "ihl", FRAME_AUTO);
	f->ip_version = raw_number(raw, words, "ipver", FRAME_AUTO);
	f->doff = raw_number(raw, words, "doff", FRAME_AUTO);
	f->frag = raw_number(raw, words, "frag", 0);
	f->more_frags = raw_value(words, "mf");
	f->pad_to = raw_number(raw, words, "pad", 0);
	f->cut_to = raw_number(raw, words, "cut", 0);
	f->ext_first = raw_number(raw, words, "first", 0);
	text = raw_value(words, f->family == AF_INET ? "ipopt" : "ext");
	if (text)
		f->ip_options_len = parse_hex(raw, text, f->ip_options, 40);
}

static void describe(const struct raw *raw, const struct words *words,
		     struct frame *f)
{
	const char *text;

	*f = raw->base;
	f->flags = raw_flags(raw, words->count > 1 ? words->word[1] : "-");
	f->window = raw_number(raw, words, "win", raw->window);
	text = raw_value(words, "seq");
	f->seq = text ? raw_seq(raw, text, raw->flow.iss, raw->flow.snd_nxt)
		      : raw->flow.snd_nxt;
	text = raw_value(words, "ack");
	if (text)
		f->ack = raw_seq(raw, text, raw->flow.irs, raw->flow.rcv_nxt);
	else if (f->flags & TH_ACK)
		f->ack = raw->flow.rcv_nxt;
	add_addresses(raw, words, f);
	add_options(raw, words, f);
	add_payload(raw, words, f);
	add_oddities(raw, words, f);
}

static void transmit(struct raw *raw, const struct frame *f)
{
	uint8_t *buf = raw->batch[raw->batch_count];
	size_t len = frame_build(f, buf, FRAME_MAX);

	if (!len)
		raw_fail(raw, "the frame is too long");
	if (raw->verbose)
		raw_print_frame(raw, "->", f);
	raw->batch_len[raw->batch_count++] = len;
	if (!raw->batching || raw->batch_count == RAW_BATCH_MAX) {
		bool batching = raw->batching;

		raw_flush(raw);
		raw->batching = batching;
	}
}

void raw_flush(struct raw *raw)
{
	struct sockaddr_ll addr = {
	    .sll_family = AF_PACKET,
	    .sll_ifindex = raw->ifindex,
	};
	struct mmsghdr msgs[RAW_BATCH_MAX] = {0};
	struct iovec iov[RAW_BATCH_MAX];
	int i, n, done = 0;

	for (i = 0; i < raw->batch_count; i++) {
		iov[i].iov_base = raw->batch[i];
		iov[i].iov_len = raw->batch_len[i];
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
		msgs[i].msg_hdr.msg_name = &addr;
		msgs[i].msg_hdr.msg_namelen = sizeof(addr);
	}
	while (done < raw->batch_count) {
		n = sendmmsg(raw->fd, msgs + done, raw->batch_count - done, 0);
		if (n < 0)
			raw_fail(raw, "sending: %s", strerror(errno));
		done += n;
	}
	raw->batch_count = 0;
	raw->batching = false;
}

void raw_send(struct raw *raw, const struct words *words)
{
	long times = raw_number(raw, words, "times", 1);
	struct frame f;
	uint32_t end;

	describe(raw, words, &f);
	while (times-- > 0)
		transmit(raw, &f);
	end =
	    f.seq + f.payload_len + !!(f.flags & TH_SYN) + !!(f.flags & TH_FIN);
	if (!raw_value(words, "keep") && (int32_t)(end - raw->flow.snd_nxt) > 0)
		raw->flow.snd_nxt = end;
}

void raw_send_ack(struct raw *raw, uint8_t flags)
{
	struct words none = {0};
	struct frame f = raw->base;

	f.flags = flags;
	f.window = raw->window;
	f.seq = raw->flow.snd_nxt;
	f.ack = raw->flow.rcv_nxt;
	add_options(raw, &none, &f);
	transmit(raw, &f);
}

/* A frame of this connection, some bytes after the MACs changed at random. */
static void send_damaged(struct raw *raw, unsigned int *seed)
{
	static const uint8_t flags[] = {
	    TH_SYN, TH_ACK, TH_RST | TH_ACK, TH_FIN | TH_ACK, TH_SYN | TH_ACK};
	struct words none = {0};
	struct frame f = raw->base;
	uint8_t *buf = raw->batch[raw->batch_count];
	size_t len;
	int i, changes;

	f.flags = flags[rand_r(seed) % sizeof(flags)];
	f.seq = raw->flow.snd_nxt;
	f.ack = raw->flow.rcv_nxt;
	f.vlans = rand_r(seed) % 8 ? 0 : rand_r(seed) % 3;
	for (i = 0; i < f.vlans; i++)
		f.vlan[i].proto = 0x8100;
	if (f.flags & TH_SYN)
		add_linux(raw, &none, &f);
	f.payload = payload;
	f.payload_len = rand_r(seed) % 64;
	len = frame_build(&f, buf, FRAME_MAX);
	changes = 1 + rand_r(seed) % 6;
	for (i = 0; i < changes; i++)
		buf[12 + rand_r(seed) % (len - 12)] = rand_r(seed);
	if (!(rand_r(seed) % 4))
		len = 14 + rand_r(seed) % (len - 13);
	raw->batch_len[raw->batch_count++] = len;
}

void raw_send_fuzz(struct raw *raw, const struct words *words)
{
	long count = words->count > 1 ? atol(words->word[1]) : 0;
	unsigned int seed = raw_number(raw, words, "seed", 1);

	for (; count > 0; count--) {
		send_damaged(raw, &seed);
		if (raw->batch_count == RAW_BATCH_MAX || count == 1)
			raw_flush(raw);
	}
}
