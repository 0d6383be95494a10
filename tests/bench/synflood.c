// SPDX-License-Identifier: BSD-2-Clause
/*
 * synflood - a flood of TCP segments from spoofed sources, for test networks
 * inside one machine: the frames go into a veth by XDP redirection and never
 * leave the machine. With a rate they are triggered by writes to a TAP device,
 * a burst each, without one by BPF_PROG_TEST_RUN with live frames.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_link.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flood.skel.h"
#include "synflood.h"
#include "tests/tools/frame.h"

#define SECONDS_MAX 3600U

static volatile int stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void usage(FILE *to)
{
	fprintf(
	    to,
	    "usage: synflood --dev VETH --dst ADDR --port N [options]\n"
	    "       synflood --dev VETH --dmac MAC --tuples FILE [options]\n"
	    "  --kind K[,K...]   %s (default syn)\n"
	    "  --rate N          frames a second, in bursts of at most %u;\n"
	    "                    without it as many as go\n"
	    "  --seconds S       how long (default 10, at most %u)\n"
	    "  --dmac MAC        the receiver (default: ADDR's ARP entry)\n"
	    "  --tuples FILE     flows in place of random sources: lines of\n"
	    "                    SADDR SPORT DADDR DPORT\n"
	    "  --progress FILE   running totals, to be mapped by a watcher\n"
	    "  --seed N          of the random numbers\n"
	    "  --quiet           no line at the end\n"
	    "Sources are random in 198.18.0.0/15; VETH must be in native\n"
	    "XDP's reach: its peer has GRO on or an XDP program.\n",
	    flood_kind_names, FLOOD_BURST_MAX, SECONDS_MAX);
}

enum {
	OPT_DEV = 256,
	OPT_DST,
	OPT_PORT,
	OPT_KIND,
	OPT_RATE,
	OPT_SECONDS,
	OPT_DMAC,
	OPT_TUPLES,
	OPT_PROGRESS,
	OPT_SEED,
	OPT_QUIET,
};

static const struct option long_options[] = {
    {"dev", required_argument, NULL, OPT_DEV},
    {"dst", required_argument, NULL, OPT_DST},
    {"port", required_argument, NULL, OPT_PORT},
    {"kind", required_argument, NULL, OPT_KIND},
    {"rate", required_argument, NULL, OPT_RATE},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"dmac", required_argument, NULL, OPT_DMAC},
    {"tuples", required_argument, NULL, OPT_TUPLES},
    {"progress", required_argument, NULL, OPT_PROGRESS},
    {"seed", required_argument, NULL, OPT_SEED},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, 'h'},
    {},
};

/* A number from `min` to `max`, whole text. */
static int number(const char *text, double min, double max, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return end == text || *end || !isfinite(*value) || *value < min ||
	       *value > max;
}

static int kinds_split(struct flood_options *opt, char *list)
{
	char *kind, *rest = NULL;

	opt->kinds = 0;
	for (kind = strtok_r(list, ",", &rest); kind;
	     kind = strtok_r(NULL, ",", &rest)) {
		if (opt->kinds == FLOOD_KINDS)
			return 1;
		opt->kind_name[opt->kinds++] = kind;
	}
	return !opt->kinds;
}

static int option_take(struct flood_options *opt, int c, char *arg)
{
	double v = 0;
	int bad = 0;

	switch (c) {
	case OPT_DEV:
		opt->dev = arg;
		break;
	case OPT_DST:
		opt->dst_text = arg;
		bad = frame_parse_addr(arg, opt->dst) != AF_INET;
		break;
	case OPT_PORT:
		bad = number(arg, 1, 65535, &v);
		opt->port = v;
		break;
	case OPT_KIND:
		bad = kinds_split(opt, arg);
		break;
	case OPT_RATE:
		bad = number(arg, 1, 1e7, &opt->rate);
		break;
	case OPT_SECONDS:
		bad = number(arg, 0.01, SECONDS_MAX, &opt->seconds);
		break;
	case OPT_DMAC:
		bad = frame_parse_mac(arg, opt->dmac);
		opt->have_dmac = 1;
		break;
	case OPT_TUPLES:
		opt->tuples_path = arg;
		break;
	case OPT_PROGRESS:
		opt->progress_path = arg;
		break;
	case OPT_SEED:
		bad = number(arg, 0, 1e15, &v);
		opt->seed = v;
		break;
	case OPT_QUIET:
		opt->quiet = 1;
		break;
	}
	if (bad)
		fprintf(stderr, "synflood: bad value '%s'\n", arg);
	return bad ? -1 : 0;
}

/* The receiver's MAC, as the kernel learnt it. */
static int arp_find(struct flood_options *opt)
{
	char line[256], addr[64], mac[64], dev[64];
	FILE *f = fopen("/proc/self/net/arp", "re");
	int err = -1;

	while (f && err && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %*s %*s %63s %*s %63s", addr, mac,
			   dev) == 3 &&
		    !strcmp(addr, opt->dst_text) && !strcmp(dev, opt->dev))
			err = frame_parse_mac(mac, opt->dmac);
	}
	if (f)
		fclose(f);
	if (err)
		fprintf(stderr,
			"synflood: no ARP entry for %s on %s: ping it first, "
			"or give --dmac\n",
			opt->dst_text, opt->dev);
	return err;
}

static int options_check(struct flood_options *opt)
{
	int err;

	if (!opt->dev ||
	    (!opt->tuples_path && (!opt->dst_text || !opt->port)) ||
	    (opt->tuples_path && !opt->have_dmac)) {
		usage(stderr);
		return -1;
	}
	err = frame_interface(opt->dev, &opt->ifindex, opt->smac);
	if (err) {
		fprintf(stderr, "synflood: interface %s: %s\n", opt->dev,
			strerror(-err));
		return -1;
	}
	return opt->have_dmac ? 0 : arp_find(opt);
}

static struct flood_skel *skel_load(const struct flood_options *opt,
				    const struct flood_plan *plan)
{
	struct flood_skel *skel = flood_skel__open();

	if (!skel)
		goto fail;
	skel->rodata->out_ifindex = opt->ifindex;
	skel->rodata->template_count = plan->template_count;
	skel->rodata->tuple_count = plan->tuple_count;
	skel->bss->sent = 0;
	if (opt->seed)
		skel->data->random_state ^= opt->seed * 0x2545f4914f6cdd1dULL;
	if (plan->tuple_count)
		bpf_map__set_max_entries(skel->maps.tuples, plan->tuple_count);
	if (!flood_skel__load(skel))
		return skel;
fail:
	fprintf(stderr, "synflood: BPF program not loaded: %s%s\n",
		strerror(errno), errno == EPERM ? " (be root)" : "");
	flood_skel__destroy(skel);
	return NULL;
}

static int maps_fill(struct flood_skel *skel, const struct flood_plan *plan)
{
	for (__u32 i = 0; i < plan->template_count; i++) {
		if (bpf_map__update_elem(skel->maps.templates, &i, sizeof(i),
					 &plan->templates[i],
					 sizeof(plan->templates[i]), 0))
			return -errno;
	}
	for (__u32 i = 0; i < plan->tuple_count; i++) {
		if (bpf_map__update_elem(skel->maps.tuples, &i, sizeof(i),
					 &plan->tuples[i],
					 sizeof(plan->tuples[i]), 0))
			return -errno;
	}
	return 0;
}

static void report(const struct flood_options *opt,
		   const struct flood_progress *p, double seconds)
{
	if (!opt->quiet)
		printf("sent %llu in %.2f s, %.0f a second; taken by the "
		       "device %llu; answers: %llu SYN-ACK, %llu RST, %llu "
		       "other\n",
		       (unsigned long long)p->sent, seconds, p->sent / seconds,
		       (unsigned long long)p->delivered,
		       (unsigned long long)p->synack,
		       (unsigned long long)p->rst,
		       (unsigned long long)p->other);
	if (p->sent && !p->delivered)
		fprintf(stderr,
			"synflood: the peer of %s took nothing: switch its "
			"GRO on before it goes up, or attach XDP to it\n",
			opt->dev);
}

static struct bpf_link *attach(struct bpf_program *prog, int ifindex,
			       const char *name)
{
	struct bpf_link *link = bpf_program__attach_xdp(prog, ifindex);

	if (!link)
		fprintf(stderr, "synflood: XDP on %s: %s%s\n", name,
			strerror(errno),
			errno == EBUSY ? " (another program is there)" : "");
	return link;
}

static int run(struct flood_skel *skel, const struct flood_plan *plan,
	       const struct flood_options *opt, int tap_fd)
{
	struct flood_progress *p =
	    progress_map(opt->progress_path, sizeof(*p), 1);
	double seconds = 0;
	int err;

	if (!p) {
		fprintf(stderr, "synflood: %s: %s\n", opt->progress_path,
			strerror(errno));
		return -1;
	}
	err = flood_run(skel, plan, opt, tap_fd, p, &stop, &seconds);
	if (err)
		fprintf(stderr, "synflood: sending: %s\n", strerror(-err));
	report(opt, p, seconds);
	return err || (p->sent && !p->delivered) ? -1 : 0;
}

/*
 * The program on the outgoing device: in the place of one that `ip link set
 * xdp` put there, which comes back afterwards, or by a link of our own.
 */
struct outlet {
	struct bpf_link *link;
	int before_fd; /* -1: none */
};

static int outlet_open(struct outlet *out, struct flood_skel *skel,
		       const struct flood_options *opt)
{
	__u32 id = 0;
	int err;

	out->before_fd = -1;
	if (!bpf_xdp_query_id(opt->ifindex, XDP_FLAGS_DRV_MODE, &id) && id)
		out->before_fd = bpf_prog_get_fd_by_id(id);
	if (out->before_fd < 0) {
		out->link = attach(skel->progs.flood, opt->ifindex, opt->dev);
		return out->link ? 0 : -1;
	}
	err = bpf_xdp_attach(opt->ifindex, bpf_program__fd(skel->progs.flood),
			     XDP_FLAGS_DRV_MODE, NULL);
	if (err)
		fprintf(stderr,
			"synflood: XDP on %s: %s (its program is attached by "
			"a link)\n",
			opt->dev, strerror(-err));
	return err;
}

static void outlet_close(struct outlet *out, const struct flood_options *opt)
{
	bpf_link__destroy(out->link);
	if (out->before_fd < 0)
		return;
	bpf_xdp_attach(opt->ifindex, out->before_fd, XDP_FLAGS_DRV_MODE, NULL);
	close(out->before_fd);
}

static int flood(struct flood_skel *skel, const struct flood_plan *plan,
		 const struct flood_options *opt)
{
	bool with_tap = opt->rate > 0;
	int tap_fd = -1, tap_ifindex = 0;
	struct bpf_link *tap = NULL;
	struct outlet out = {};
	int err = -1;

	if (outlet_open(&out, skel, opt))
		return -1;
	if (with_tap) {
		tap_fd = flood_tap_open(&tap_ifindex);
		if (tap_fd < 0)
			fprintf(stderr, "synflood: TAP device: %s\n",
				strerror(-tap_fd));
		else
			tap = attach(
			    skel->progs.burst, tap_ifindex, "the TAP device");
	}
	if (tap || !with_tap)
		err = run(skel, plan, opt, tap_fd);
	bpf_link__destroy(tap);
	outlet_close(&out, opt);
	if (tap_fd >= 0)
		close(tap_fd);
	return err;
}

int main(int argc, char **argv)
{
	struct flood_options opt = {
	    .kind_name = {"syn"},
	    .kinds = 1,
	    .seconds = 10,
	};
	struct sigaction sa = {.sa_handler = on_signal};
	struct flood_plan plan;
	struct flood_skel *skel;
	int c, err;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 0;
		}
		if (c == '?' || option_take(&opt, c, optarg))
			return 2;
	}
	if (optind < argc || options_check(&opt))
		return 2;
	if (flood_plan_make(&plan, &opt))
		return 1;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	skel = skel_load(&opt, &plan);
	if (!skel)
		return 1;
	err = maps_fill(skel, &plan);
	if (err)
		fprintf(stderr, "synflood: maps: %s\n", strerror(-err));
	else
		err = flood(skel, &plan, &opt);
	flood_skel__destroy(skel);
	free(plan.tuples);
	return err ? 1 : 0;
}
