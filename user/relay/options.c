// SPDX-License-Identifier: BSD-2-Clause
#include <getopt.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "handfast/control.h"
#include "relay/relay.h"

#ifndef HF_VERSION
#define HF_VERSION "0.1.0"
#endif

#define WORKERS_MAX 256

enum option_id {
	OPT_LISTEN = 1,
	OPT_UPSTREAM,
	OPT_BACKLOG,
	OPT_COOKIES,
	OPT_OVERFLOW,
	OPT_DELIVERY,
	OPT_PROXY,
	OPT_SOCKET,
	OPT_WORKERS,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option_row {
	enum option_id id;
	const char *name, *arg, *text;
} rows[] = {
    {OPT_LISTEN, "listen", "ADDR:PORT", "where clients connect"},
    {OPT_UPSTREAM, "upstream", "ADDR:PORT", "the server to relay to"},
    {OPT_BACKLOG, "backlog", "N",
     "accept queue, cut to net.core.somaxconn (4096)"},
    {OPT_COOKIES, "cookies", "off|auto|always",
     "SYN cookies: auto, when the SYN table is full"},
    {OPT_OVERFLOW, "overflow", "hold|rst",
     "accept queue full: wait, or reset (as net.ipv4.\n"
     "                            tcp_abort_on_overflow says)"},
    {OPT_DELIVERY, "delivery", "accept|kernel",
     "who makes the connections: handfastd (accept), or\n"
     "                            the kernel (6.9 and later)"},
    {OPT_PROXY, "proxy-protocol", "v2",
     "tell the upstream the client's address"},
    {OPT_SOCKET, "socket", "PATH",
     "of handfastd ($HANDFAST_SOCKET, else\n"
     "                            " HF_SOCKET_DEFAULT ")"},
    {OPT_WORKERS, "workers", "N", "threads (as many as CPUs)"},
    {OPT_HELP, "help", NULL, "this text"},
    {OPT_VERSION, "version", NULL, "print the version"},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void usage_print(FILE *out)
{
	char name[40];
	size_t i;

	fprintf(out, "usage: handfast-relay --listen ADDR:PORT --upstream "
		     "ADDR:PORT [OPTION...]\n\n"
		     "Accepts TCP connections through handfast and relays them "
		     "to a server.\n"
		     "An IPv6 address is written in brackets: [::]:443.\n\n");
	for (i = 0; i < N_ROWS; i++) {
		snprintf(name, sizeof(name), "--%s %s", rows[i].name,
			 rows[i].arg ? rows[i].arg : "");
		fprintf(out, "  %-25s %s\n", name, rows[i].text);
	}
}

__attribute__((noreturn, format(printf, 1, 2))) static void
usage_error(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr,
		"handfast-relay: %s\n"
		"handfast-relay --help tells the options\n",
		line);
	exit(2);
}

static struct relay_address address_option(const char *name, const char *text)
{
	struct relay_address address;
	const char *wrong = relay_address_parse(text, &address);

	if (wrong)
		usage_error("--%s '%s': %s", name, text, wrong);
	return address;
}

static int number_option(const char *name, const char *text, int max)
{
	size_t len = strlen(text);
	long value;

	if (!len || len > 9 || strspn(text, "0123456789") != len)
		usage_error("--%s '%s': that is no number", name, text);
	value = strtol(text, NULL, 10);
	if (value < 1 || value > max)
		usage_error(
		    "--%s %s: it has to be from 1 to %d", name, text, max);
	return value;
}

/* The position of `text` among the names; ends with NULL. */
static int choice_option(const char *name, const char *text,
			 const char *const *names, const char *all)
{
	int i;

	for (i = 0; names[i]; i++)
		if (!strcmp(text, names[i]))
			return i;
	usage_error("--%s '%s': it has to be %s", name, text, all);
}

static void option_take(struct relay_options *o, enum option_id id,
			const char *text)
{
	/* In the order of enum hf_cookies, hf_overflow_opt, hf_delivery_opt. */
	static const char *const cookies[] = {"auto", "off", "always", NULL};
	static const char *const overflow[] = {"hold", "rst", NULL};
	static const char *const delivery[] = {"accept", "kernel", NULL};
	static const char *const proxy[] = {"v2", NULL};

	switch (id) {
	case OPT_LISTEN:
		o->listen = address_option("listen", text);
		break;
	case OPT_UPSTREAM:
		o->upstream = address_option("upstream", text);
		break;
	case OPT_BACKLOG:
		o->backlog = number_option("backlog", text, 999999999);
		break;
	case OPT_COOKIES:
		o->cookies = choice_option(
		    "cookies", text, cookies, "off, auto or always");
		break;
	case OPT_OVERFLOW:
		o->overflow =
		    HF_OVERFLOW_OPT_HOLD +
		    choice_option("overflow", text, overflow, "hold or rst");
		break;
	case OPT_DELIVERY:
		o->delivery = choice_option(
		    "delivery", text, delivery, "accept or kernel");
		break;
	case OPT_PROXY:
		choice_option("proxy-protocol", text, proxy, "v2");
		o->proxy = true;
		break;
	case OPT_SOCKET:
		o->socket = text;
		break;
	case OPT_WORKERS:
		o->workers = number_option("workers", text, WORKERS_MAX);
		break;
	case OPT_HELP:
		usage_print(stdout);
		exit(0);
	case OPT_VERSION:
		printf("handfast-relay %s\n", HF_VERSION);
		exit(0);
	}
}

static int cpu_count(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	n = CPU_COUNT(&set);
	return n < WORKERS_MAX ? n : WORKERS_MAX;
}

/* Both ports are at the same place in IPv4 and IPv6. */
static int port_of(const struct relay_address *address)
{
	return ntohs(((const struct sockaddr_in *)&address->addr)->sin_port);
}

static void options_check(const struct relay_options *o)
{
	if (!o->listen.len)
		usage_error("--listen ADDR:PORT is missing");
	if (!o->upstream.len)
		usage_error("--upstream ADDR:PORT is missing");
	if (!port_of(&o->upstream))
		usage_error("--upstream %s: the port is 0", o->upstream.text);
	if (!strcmp(o->listen.text, o->upstream.text))
		usage_error("--upstream %s: that is where it listens itself",
			    o->upstream.text);
}

void relay_options_parse(int argc, char **argv, struct relay_options *options)
{
	struct option names[N_ROWS + 1] = {};
	struct relay_options o = {.backlog = 4096};
	size_t i;
	int c;

	for (i = 0; i < N_ROWS; i++)
		names[i] = (struct option){
		    .name = rows[i].name,
		    .has_arg = rows[i].arg ? required_argument : no_argument,
		    .val = rows[i].id,
		};
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", names, NULL)) != -1) {
		if (c == ':')
			usage_error(
			    "%s: its value is missing", argv[optind - 1]);
		if (c == '?')
			usage_error("%s: no such option (or not clear which)",
				    argv[optind - 1]);
		option_take(&o, c, optarg);
	}
	if (optind < argc)
		usage_error("'%s': only options are expected", argv[optind]);
	options_check(&o);
	if (!o.workers)
		o.workers = cpu_count();
	*options = o;
}
