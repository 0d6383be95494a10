// SPDX-License-Identifier: BSD-2-Clause
/*
 * rawtcp - one end of a TCP connection, played by a script
 *
 *   rawtcp -i IFACE -s ADDR[,PORT] -d ADDR,PORT -m DMAC [-v] [SCRIPT...]
 *
 * reads statements from its arguments (else from standard input), one a line
 * or separated by ';'. The source address should be none of this host's, or
 * the kernel answers too. It ends with 0, or at the first statement that
 * fails with 1 and a message.
 *
 *   send FLAGS [key=value...]   one segment; FLAGS of SAFRPUEC, or -
 *     seq= ack=     +N (N after the ISN), nxt, nxt+N, nxt-N, or a number
 *     data=TEXT     payload; \n \r \s \\ \xHH
 *     len=N         payload: N bytes of a pattern by stream position
 *     win= tos= ttl= urg= sport= dport= src= dst= dmac= nodf
 *     mss=N sackok ts wscale=N nop linux opt=HEX   options, in this order
 *     nots          no timestamps, though they were agreed
 *     tsval= tsecr= numbers, or +N/-N: relative to the right one
 *     csum= ipcsum= bad or a number; iplen= ihl= doff= ipver= numbers
 *     frag=N mf     fragment offset in bytes, more fragments
 *     ipopt=HEX ext=HEX first=N   IPv4 options; IPv6 headers, type of first
 *     vlan=ID svlan=ID   802.1Q and 802.1ad tags, in this order
 *     pad=N cut=N   least and greatest length of the frame
 *     times=N keep  N times; do not move snd_nxt
 *   batch / flush               what is between goes out by one system call
 *   expect FLAGS [key=value...] the next segment is like this
 *     within=MS after=MS seq= ack= win= minwin= len= data= mss= (none)
 *     wscale= (none) sackok=0|1 ts=0|1 vlan=ID
 *   await FLAGS ...             the same; others before it are skipped
 *   quiet MS [FLAGS]            nothing comes (with these FLAGS)
 *   count FLAGS N within=MS     exactly N such segments come
 *   recv N [data=TEXT|any]      N bytes of payload, acknowledged; checked
 *     [within=MS]               against TEXT or the pattern
 *   recv eof                    a FIN, acknowledged
 *   fuzz N [seed=S]             N damaged frames of this connection
 *   new [sport=N] [iss=N]       begin another connection
 *   flow N                      go on with connection N (0 at first)
 *   cpu N                       send from this processor from now on
 *   sleep MS, print TEXT
 */
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "rawtcp.h"

static struct raw raw_state;

void raw_fail(const struct raw *raw, const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "rawtcp: line %d: ", raw->line);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

int64_t raw_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static const char flag_letters[] = "FSRPAUEC";

void raw_print_frame(const struct raw *raw, const char *way,
		     const struct frame *f)
{
	struct tcp_options opt;
	char flags[9], *p = flags;
	int i;

	for (i = 0; i < 8; i++)
		if (f->flags & 1 << i)
			*p++ = flag_letters[i];
	*p = 0;
	frame_read_options(f, &opt);
	printf("%6lld ms %s %s seq=%u ack=%u win=%u len=%zu mss=%d wscale=%d "
	       "sackok=%d ts=%d tsval=%u tsecr=%u\n",
	       (long long)(raw_now_ms() - raw->start_ms), way, flags, f->seq,
	       f->ack, f->window, f->payload_len, opt.mss, opt.wscale,
	       opt.sack_ok, opt.timestamps, opt.tsval, opt.tsecr);
	fflush(stdout);
}

const char *raw_value(const struct words *words, const char *key)
{
	size_t len = strlen(key);
	int i;

	for (i = 1; i < words->count; i++) {
		const char *w = words->word[i];

		if (strncmp(w, key, len))
			continue;
		if (w[len] == '=')
			return w + len + 1;
		if (!w[len])
			return w + len;
	}
	return NULL;
}

long raw_number(const struct raw *raw, const struct words *words,
		const char *key, long otherwise)
{
	const char *text = raw_value(words, key);
	char *end;
	long n;

	if (!text)
		return otherwise;
	n = strtol(text, &end, 0);
	if (!*text || *end)
		raw_fail(raw, "%s needs a number: '%s'", key, text);
	return n;
}

uint8_t raw_flags(const struct raw *raw, const char *text)
{
	uint8_t flags = 0;

	if (!strcmp(text, "-"))
		return 0;
	for (; *text; text++) {
		const char *p = strchr(flag_letters, *text);

		if (!p)
			raw_fail(raw, "no such TCP flag: '%s'", text);
		flags |= 1 << (p - flag_letters);
	}
	return flags;
}

uint32_t raw_seq(const struct raw *raw, const char *text, uint32_t first,
		 uint32_t next)
{
	char *end;
	uint32_t n;

	if (!strncmp(text, "nxt", 3))
		return next + (uint32_t)strtol(text + 3, NULL, 0);
	n = strtoul(text, &end, 0);
	if (!*text || *end)
		raw_fail(raw, "no sequence number: '%s'", text);
	return *text == '+' ? first + n : n;
}

size_t raw_unescape(const struct raw *raw, const char *text, uint8_t *out)
{
	static const char letters[] = "n\nr\rs \\\\";
	size_t n = 0;

	for (; *text; text++) {
		const char *p;

		if (n == RAW_TEXT_MAX)
			raw_fail(raw, "text too long");
		if (*text != '\\') {
			out[n++] = *text;
			continue;
		}
		text++;
		p = *text ? strchr(letters, *text) : NULL;
		if (*text == 'x' && sscanf(text + 1, "%2hhx", &out[n]) == 1)
			text += 2;
		else if (p)
			out[n] = p[1];
		else
			raw_fail(raw, "bad escape in the text");
		n++;
	}
	return n;
}

uint8_t raw_pattern(uint32_t offset)
{
	/* No short period: a byte out of its place is seen. */
	return 33 + (offset + offset / 94) % 94;
}

static void begin_connection(struct raw *raw, const struct words *words)
{
	static uint32_t ports;
	uint32_t random[2];
	long sport = raw->base.sport;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		raw_fail(raw, "getrandom: %s", strerror(errno));
	if (!ports)
		ports = random[1];
	/* `new` takes another port; the first one may be given. */
	if (!sport || words->count)
		sport = 20000 + ports++ % 40000;
	raw->base.sport = raw_number(raw, words, "sport", sport);
	raw->flow = (struct raw_flow){
	    .iss = raw_number(raw, words, "iss", random[0]),
	};
	raw->flow.snd_nxt = raw->flow.iss;
}

static void switch_flow(struct raw *raw, const char *text)
{
	struct words none = {0};
	int number = atoi(text);

	if (number < 0 || number >= RAW_FLOWS_MAX)
		raw_fail(raw, "flow: 0 to %d", RAW_FLOWS_MAX - 1);
	raw->flow.sport = raw->base.sport;
	raw->flows[raw->flow_number] = raw->flow;
	raw->flow_number = number;
	raw->flow = raw->flows[number];
	raw->base.sport = raw->flow.sport;
	if (!raw->flow.sport)
		begin_connection(raw, &none);
}

/* A packet socket with QDISC_BYPASS sends on its processor's queue. */
static void run_on(const struct raw *raw, const char *text)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(atoi(text), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		raw_fail(raw, "cpu %s: %s", text, strerror(errno));
}

static void do_sleep(struct raw *raw, const char *text)
{
	long ms = strtol(text, NULL, 0);

	if (ms < 0 || ms > 120000)
		raw_fail(raw, "sleep: 0 to 120000 ms");
	usleep(ms * 1000);
}

static void run_words(struct raw *raw, const struct words *words)
{
	const char *verb = words->word[0];
	const char *arg = words->count > 1 ? words->word[1] : "";

	if (!strcmp(verb, "send"))
		raw_send(raw, words);
	else if (!strcmp(verb, "batch"))
		raw->batching = true;
	else if (!strcmp(verb, "flush"))
		raw_flush(raw);
	else if (!strcmp(verb, "expect"))
		raw_expect(raw, words, false);
	else if (!strcmp(verb, "await"))
		raw_expect(raw, words, true);
	else if (!strcmp(verb, "quiet"))
		raw_quiet(raw, words);
	else if (!strcmp(verb, "count"))
		raw_count(raw, words);
	else if (!strcmp(verb, "recv"))
		raw_recv(raw, words);
	else if (!strcmp(verb, "fuzz"))
		raw_send_fuzz(raw, words);
	else if (!strcmp(verb, "new"))
		begin_connection(raw, words);
	else if (!strcmp(verb, "flow"))
		switch_flow(raw, arg);
	else if (!strcmp(verb, "cpu"))
		run_on(raw, arg);
	else if (!strcmp(verb, "sleep"))
		do_sleep(raw, arg);
	else if (!strcmp(verb, "print"))
		printf("%s\n", arg), fflush(stdout);
	else
		raw_fail(raw, "no such statement: '%s'", verb);
}

static void run_line(struct raw *raw, char *line)
{
	char *save_part, *save_word, *part, *word;

	raw->line++;
	line[strcspn(line, "#\n")] = 0;
	for (part = strtok_r(line, ";", &save_part); part;
	     part = strtok_r(NULL, ";", &save_part)) {
		struct words words = {0};

		for (word = strtok_r(part, " \t", &save_word); word;
		     word = strtok_r(NULL, " \t", &save_word)) {
			if (words.count == RAW_WORDS_MAX)
				raw_fail(raw, "too many words");
			words.word[words.count++] = word;
		}
		if (words.count)
			run_words(raw, &words);
	}
}

static void run_script(struct raw *raw, int count, char **lines)
{
	char *line = NULL;
	size_t size = 0;
	int i;

	for (i = 0; i < count; i++)
		run_line(raw, lines[i]);
	if (!count)
		while (getline(&line, &size, stdin) > 0)
			run_line(raw, line);
	free(line);
	if (raw->batching)
		raw_fail(raw, "batch without flush");
}

static int open_interface(struct raw *raw, const char *name)
{
	struct sockaddr_ll addr = {
	    .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL),
	};
	int one = 1, buffer = 8 << 20;
	int err = frame_interface(name, &raw->ifindex, raw->base.smac);

	if (err)
		return err;
	raw->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (raw->fd < 0)
		return -errno;
	addr.sll_ifindex = raw->ifindex;
	if (setsockopt(
		raw->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) ||
	    setsockopt(
		raw->fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) ||
	    setsockopt(
		raw->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
	    bind(raw->fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return 0;
}

/* "ADDR,PORT": the port may be left out. Returns the family, or 0. */
static int parse_endpoint(char *text, uint8_t addr[16], uint16_t *port)
{
	char *comma = strchr(text, ',');

	if (comma) {
		*comma = 0;
		*port = atoi(comma + 1);
	}
	return frame_parse_addr(text, addr);
}

static int usage(void)
{
	fprintf(stderr, "usage: rawtcp -i IFACE -s ADDR[,PORT] -d ADDR,PORT "
			"-m DMAC [-v] [SCRIPT...]\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct raw *raw = &raw_state;
	struct words none = {0};
	const char *iface = NULL;
	int c, err, family = 0;
	bool mac = false;

	frame_init(&raw->base);
	raw->window = raw->base.window;
	raw->start_ms = raw_now_ms();
	while ((c = getopt(argc, argv, "i:s:d:m:v")) != -1) {
		if (c == 'i')
			iface = optarg;
		else if (c == 's')
			raw->base.family = parse_endpoint(
			    optarg, raw->base.src, &raw->base.sport);
		else if (c == 'd')
			family = parse_endpoint(
			    optarg, raw->base.dst, &raw->base.dport);
		else if (c == 'm')
			mac = !frame_parse_mac(optarg, raw->base.dmac);
		else if (c == 'v')
			raw->verbose = true;
		else
			return usage();
	}
	if (!iface || !family || family != raw->base.family || !mac)
		return usage();
	err = open_interface(raw, iface);
	if (err)
		raw_fail(raw, "%s: %s", iface, strerror(-err));
	begin_connection(raw, &none);
	run_script(raw, argc - optind, argv + optind);
	return 0;
}
