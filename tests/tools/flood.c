// SPDX-License-Identifier: BSD-2-Clause
/*
 * flood - a SYN or ACK flood from invented addresses, for tests
 *
 *   flood -i IFACE -d ADDR,PORT -m DMAC [options]
 *
 * Sources are random, of 198.18.0.0/15 or 2001:db8:ff::/48. Bounded in rate,
 * count and time; SIGTERM ends it. Prints what it sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"

#define BATCH 64
#define FRAME_SIZE 256

static struct frame base;
static const char *iface;
static long count = 10000, rate = 10000;
static double seconds = 10;
static long sources; /* 0: as many as there are */
static volatile sig_atomic_t stop;

static const uint8_t linux_syn[] = {
    2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 7};

static uint64_t next_random(void)
{
	static uint64_t x;

	while (!x)
		if (getrandom(&x, sizeof(x), 0) < 0)
			exit(1);
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x * 0x2545f4914f6cdd1dULL;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void invent_source(struct frame *f)
{
	uint64_t r = next_random() >> 8;
	uint32_t host = sources ? r % sources : r & 0x1ffff;
	uint32_t in4 = htonl(0xc6120000 | host);

	if (f->family == AF_INET) {
		memcpy(f->src, &in4, 4);
	} else {
		memset(f->src, 0, 16);
		memcpy(f->src, "\x20\x01\x0d\xb8\x00\xff", 6);
		host = htonl(sources ? host : (uint32_t)r);
		memcpy(f->src + 12, &host, 4);
	}
	f->sport = 1024 + (r >> 32) % 64000;
}

static size_t make_frame(uint8_t *buf)
{
	struct frame f = base;

	invent_source(&f);
	f.seq = next_random() >> 16;
	if (f.flags & TH_ACK)
		f.ack = next_random() >> 16;
	if (f.flags & TH_SYN) {
		memcpy(f.options, linux_syn, sizeof(linux_syn));
		f.options_len = sizeof(linux_syn);
	}
	return frame_build(&f, buf, FRAME_SIZE);
}

static int send_batch(int fd, int n)
{
	static uint8_t buf[BATCH][FRAME_SIZE];
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov[BATCH];
	int i, done;

	for (i = 0; i < n; i++) {
		iov[i].iov_base = buf[i];
		iov[i].iov_len = make_frame(buf[i]);
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	done = sendmmsg(fd, msgs, n, 0);
	if (done < 0 && (errno == ENOBUFS || errno == EINTR))
		return 0;
	return done;
}

static int run(int fd)
{
	double began = now(), elapsed = 0;
	long sent = 0, due;

	while (!stop && sent < count && elapsed < seconds) {
		int n;

		elapsed = now() - began;
		due = elapsed * rate + 1 - sent;
		if (due < 1) {
			usleep(rate > 10000 ? 500 : 1000);
			continue;
		}
		n = due < BATCH ? due : BATCH;
		if (n > count - sent)
			n = count - sent;
		n = send_batch(fd, n);
		if (n < 0) {
			perror("flood: sending");
			return 1;
		}
		sent += n;
	}
	elapsed = now() - began;
	printf("sent=%ld seconds=%.2f rate=%.0f\n", sent, elapsed,
	       sent / (elapsed > 0 ? elapsed : 1));
	return 0;
}

static int open_interface(void)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET};
	int err, fd, one = 1;

	err = frame_interface(iface, &addr.sll_ifindex, base.smac);
	if (err) {
		fprintf(stderr, "flood: %s: %s\n", iface, strerror(-err));
		return -1;
	}
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    setsockopt(
		fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one))) {
		perror("flood: packet socket");
		return -1;
	}
	return fd;
}

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int usage(void)
{
	fprintf(stderr, "usage: flood -i IFACE -d ADDR,PORT -m DMAC [options]\n"
			"  -f syn|ack|rst|synack   what to send (syn)\n"
			"  -n COUNT    frames (10000)\n"
			"  -r RATE     frames a second (10000)\n"
			"  -t SECONDS  at most (10)\n"
			"  -s N        sources (as many as there are)\n");
	return 2;
}

static uint8_t kind_flags(const char *kind)
{
	if (!strcmp(kind, "syn"))
		return TH_SYN;
	if (!strcmp(kind, "ack"))
		return TH_ACK;
	if (!strcmp(kind, "rst"))
		return TH_RST;
	if (!strcmp(kind, "synack"))
		return TH_SYN | TH_ACK;
	exit(usage());
}

static bool set_option(int c, char *text)
{
	char *comma;

	switch (c) {
	case 'i':
		iface = text;
		return true;
	case 'd':
		comma = strchr(text, ',');
		if (!comma)
			return false;
		*comma = 0;
		base.family = frame_parse_addr(text, base.dst);
		base.dport = atoi(comma + 1);
		return base.family;
	case 'm':
		return !frame_parse_mac(text, base.dmac);
	case 'f':
		base.flags = kind_flags(text);
		return true;
	case 'n':
		return (count = atol(text)) > 0;
	case 'r':
		return (rate = atol(text)) > 0;
	case 't':
		return (seconds = atof(text)) > 0;
	case 's':
		return (sources = atol(text)) > 0;
	}
	return false;
}

int main(int argc, char **argv)
{
	int c, fd;

	frame_init(&base);
	base.flags = TH_SYN;
	while ((c = getopt(argc, argv, "i:d:m:f:n:r:t:s:")) != -1)
		if (!set_option(c, optarg))
			return usage();
	if (!iface || !base.dport || optind < argc)
		return usage();
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	fd = open_interface();
	return fd < 0 ? 1 : run(fd);
}
