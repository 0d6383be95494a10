// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "cli/cli.h"
#include "cli/driver.h"
#include "cli/findings.h"
#include "cli/probe.h"
#include "common/log.h"
#include "common/netif.h"
#include "common/text.h"

static const struct cli_option features_options[] = {{}};

/* What the driver's XDP can do, told by the kernel or known of 6.1. */
struct xdp_abilities {
	const char *source; /* "kernel", "list of drivers" or NULL: unknown */
	bool native;
	bool redirect;
	bool zero_copy;
	bool fragments_known;
	bool fragments;
};

struct features {
	struct utsname kernel;
	struct hf_netif netif;
	struct xdp_abilities xdp;
	struct probe probes[PROBES_MAX];
	int probe_count;
	struct findings native;
	struct findings skb;
	struct findings firewall;
};

static struct xdp_abilities abilities_find(const struct hf_netif *n)
{
	const struct driver *driver = driver_find(n->driver);
	struct xdp_abilities x = {};
	__u64 flags;

	if (!hf_netif_xdp_features(n->ifindex, &flags)) {
		x.source = "kernel";
		x.native = flags & HF_XDP_ACT_BASIC;
		x.redirect = flags & HF_XDP_ACT_REDIRECT;
		x.zero_copy = flags & HF_XDP_ACT_XSK_ZEROCOPY;
		x.fragments = flags & HF_XDP_ACT_RX_SG;
		x.fragments_known = true;
	} else if (driver) {
		x.source = "list of drivers";
		x.native = true;
		x.redirect = true;
		x.zero_copy = driver->zero_copy;
	}
	return x;
}

static bool refused(const struct findings *f)
{
	int i;

	for (i = 0; i < f->count; i++)
		if (f->list[i].level == FINDING_REFUSE)
			return true;
	return false;
}

static void features_find(struct features *f)
{
	uname(&f->kernel);
	f->xdp = abilities_find(&f->netif);
	f->probe_count = probes_run(f->probes);
	findings_device(&f->native, &f->netif, HF_XDP_NATIVE);
	if (f->xdp.source && !f->xdp.native)
		findings_add(&f->native, FINDING_REFUSE, "driver",
			     "the %s driver has no native XDP; use -m skb",
			     *f->netif.driver ? f->netif.driver : "unknown");
	findings_device(&f->skb, &f->netif, HF_XDP_SKB);
	findings_firewall(&f->firewall);
}

/* ------------------------------------------------------------------ JSON */

static json_t *yes_or_null(bool known, bool yes)
{
	return known ? json_boolean(yes) : json_null();
}

static json_t *probes_json(const struct features *f)
{
	json_t *object = json_object();
	int i;

	for (i = 0; i < f->probe_count; i++)
		json_object_set_new(
		    object, f->probes[i].name,
		    yes_or_null(f->probes[i].answer != PROBE_UNKNOWN,
				f->probes[i].answer == PROBE_YES));
	return object;
}

static json_t *findings_json(const struct findings *f)
{
	json_t *list = json_array();
	char text[sizeof(f->list[0].text)];
	int i;

	for (i = 0; i < f->count; i++)
		json_array_append_new(
		    list,
		    cli_pack("{s:s, s:s, s:s}", "level",
			     finding_level_name(f->list[i].level), "about",
			     f->list[i].about, "text",
			     cli_printable(text, sizeof(text), f->list[i].text,
					   sizeof(text))));
	return list;
}

static json_t *feature_json(const struct hf_netif_feature *feature)
{
	return cli_pack(
	    "{s:b, s:b}", "on", feature->on, "fixed", feature->fixed);
}

static json_t *mode_json(const struct findings *f)
{
	return cli_pack("{s:b, s:o}", "possible", !refused(f), "findings",
			findings_json(f));
}

static void features_json(const struct cli *cli, const struct features *f)
{
	const struct xdp_abilities *x = &f->xdp;
	const struct hf_netif *n = &f->netif;
	char name[CLI_TEXT_MAX];
	json_t *root, *driver;

	driver = cli_pack(
	    "{s:s, s:o, s:o, s:o, s:o, s:o}", "name", n->driver, "source",
	    x->source ? json_string(x->source) : json_null(), "native_xdp",
	    yes_or_null(x->source, x->native), "redirect",
	    yes_or_null(x->source, x->redirect), "zero_copy",
	    yes_or_null(x->source, x->zero_copy), "fragments",
	    yes_or_null(x->fragments_known, x->fragments));
	root = cli_pack(
	    "{s:s, s:o, s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I, "
	    "s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "kernel", f->kernel.release, "probes", probes_json(f), "interface",
	    cli_printable(name, sizeof(name), n->name, sizeof(n->name)),
	    "ifindex", n->ifindex, "kind", n->kind, "mtu", (json_int_t)n->mtu,
	    "rx_queues", (json_int_t)n->rx_queues, "rx_queues_max",
	    (json_int_t)n->rx_queues_max, "xdp_native_id",
	    (json_int_t)n->xdp.native_id, "xdp_skb_id",
	    (json_int_t)n->xdp.skb_id, "driver", driver, "lro",
	    feature_json(&n->lro), "gro", feature_json(&n->gro),
	    "rx_vlan_offload", feature_json(&n->rx_vlan), "tx_vlan_offload",
	    feature_json(&n->tx_vlan), "native", mode_json(&f->native), "skb",
	    mode_json(&f->skb), "firewall", findings_json(&f->firewall));
	cli_json_print(cli, root);
}

/* ------------------------------------------------------------------ text */

static const char *yes_no(bool known, bool yes)
{
	return !known ? "unknown" : yes ? "yes" : "no";
}

static void probes_print(const struct features *f)
{
	int i;

	printf("kernel %s\n", f->kernel.release);
	for (i = 0; i < f->probe_count; i++)
		printf("  %-20s %-8s %s\n", f->probes[i].name,
		       yes_no(f->probes[i].answer != PROBE_UNKNOWN,
			      f->probes[i].answer == PROBE_YES),
		       f->probes[i].what_for);
}

static void feature_print(const char *name,
			  const struct hf_netif_feature *feature)
{
	printf("  %-20s %s%s\n", name, feature->on ? "on" : "off",
	       feature->fixed ? " [fixed]" : "");
}

static void netif_print(const struct features *f)
{
	const struct xdp_abilities *x = &f->xdp;
	const struct hf_netif *n = &f->netif;

	printf("interface %s\n", n->name);
	printf("  %-20s %s\n", "driver", *n->driver ? n->driver : "unknown");
	printf("  %-20s %-8s %s%s\n", "native XDP",
	       yes_no(x->source, x->native), x->source ? "says the " : "",
	       x->source ? x->source : "");
	printf("  %-20s %s\n", "AF_XDP zero-copy",
	       yes_no(x->source, x->zero_copy));
	printf("  %-20s %s\n", "frames of fragments",
	       yes_no(x->fragments_known, x->fragments));
	printf("  %-20s %u of at most %u\n", "receive queues", n->rx_queues,
	       n->rx_queues_max);
	printf("  %-20s %u\n", "mtu", n->mtu);
	feature_print("lro", &n->lro);
	feature_print("gro", &n->gro);
	feature_print("rx-vlan-offload", &n->rx_vlan);
	if (n->xdp.native_id || n->xdp.skb_id)
		printf("  %-20s id %u, %s mode\n", "XDP program attached",
		       n->xdp.native_id ? n->xdp.native_id : n->xdp.skb_id,
		       n->xdp.native_id ? "native" : "skb");
}

static void findings_print(const char *title, const struct findings *f,
			   const char *verdict)
{
	int i;

	printf("%s%s\n", title, verdict);
	for (i = 0; i < f->count; i++)
		printf("  %s: %s\n", finding_level_name(f->list[i].level),
		       f->list[i].text);
	if (f->left_out)
		printf("  and %d more\n", f->left_out);
}

static void features_print(const struct features *f)
{
	probes_print(f);
	netif_print(f);
	findings_print("attach -m native: ", &f->native,
		       refused(&f->native) ? "refused" : "possible");
	findings_print("attach -m skb: ", &f->skb,
		       refused(&f->skb) ? "refused" : "possible");
	findings_print("firewall: ", &f->firewall,
		       f->firewall.count ? "see" : "nothing in the way");
}

static int features_run(struct cli *cli)
{
	static struct features f; /* too large for a stack frame */
	int err = hf_netif_read(cli->operands[0], 0, &f.netif);

	if (err) {
		hf_error("%s: %s", cli->operands[0],
			 err == -ENODEV
			     ? "no such interface in this network namespace"
			     : strerror(-err));
		return CLI_FAILED;
	}
	features_find(&f);
	if (cli->json)
		features_json(cli, &f);
	else
		features_print(&f);
	return CLI_OK;
}

const struct cli_command cli_features = {
    .name = "features",
    .operands = "IFACE",
    .summary = "what kernel and driver can do, and what is in the way",
    .options = features_options,
    .operands_min = 1,
    .operands_max = 1,
    .run = features_run,
};
