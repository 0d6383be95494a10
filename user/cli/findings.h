/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What speaks against attaching to an interface, or is good to know before:
 * found by `features`, told by `attach` before the link is touched.
 */
#ifndef HF_CLI_FINDINGS_H
#define HF_CLI_FINDINGS_H

#include <stdbool.h>

#include <jansson.h>

#include "common/netif.h"
#include "handfast/abi.h"

enum finding_level {
	FINDING_NOTE,
	FINDING_WARN,
	FINDING_REFUSE, /* attach does not go on */
};

struct finding {
	enum finding_level level;
	char about[16]; /* "lro", "firewall": stable, for scripts */
	char text[360];
};

#define FINDINGS_MAX 32

struct findings {
	int count;
	int left_out; /* found, but no room */
	struct finding list[FINDINGS_MAX];
};

void findings_add(struct findings *f, enum finding_level level,
		  const char *about, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "note", "warning", "refused". */
const char *finding_level_name(enum finding_level level);

/* The interface itself, for attaching in `mode`. */
void findings_device(struct findings *f, const struct hf_netif *netif,
		     enum hf_xdp_mode mode);

/* Rules of nftables and iptables in this network namespace that drop
 * connections whose SYN they did not see. */
void findings_firewall(struct findings *f);

/* The part of it that needs no system: a rule set as `nft -j list ruleset`
 * prints it. loose: net.netfilter.nf_conntrack_tcp_loose. */
void findings_nft(struct findings *f, const json_t *ruleset, bool loose);

/* The same for a line of iptables-save, without its newline. */
void findings_iptables(struct findings *f, const char *program,
		       const char *line, bool loose);

#endif
