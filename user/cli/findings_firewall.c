// SPDX-License-Identifier: BSD-2-Clause
/*
 * Netfilter sees nothing of a handshake that XDP did: the first segment that
 * reaches it is one with data. Conntrack takes that up as a new connection
 * (nf_conntrack_tcp_loose=1) or calls it invalid (0).
 *
 * So two segments are shown to each rule, as far as it asks for TCP flags
 * and the conntrack state: the SYN that XDP has kept from it, and the first
 * data segment. What else a rule asks for (addresses, ports) is taken as
 * fulfilled. A rule that lets the SYN live and drops the data is named; so is
 * one that accepts the SYN but not the data, where the rest is dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/findings.h"
#include "common/sysctl.h"

#define TCP_SYN 0x02
#define TCP_PSH 0x08
#define TCP_ACK 0x10

struct segment {
	unsigned int flags;
	const char *state; /* of conntrack */
};

static const struct segment the_syn = {TCP_SYN, "new"};

static struct segment first_data(bool loose)
{
	return (struct segment){TCP_PSH | TCP_ACK, loose ? "new" : "invalid"};
}

/* ---------------------------------------------- expressions of nft's JSON */

enum answer {
	NO,
	YES,
	OTHER, /* asks for something else */
};

/* "syn", ["fin", "syn"], {"|": [...]}, 2 */
static unsigned int flags_value(const json_t *value)
{
	static const char *const names[] = {
	    "fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"};
	const char *text = json_string_value(value);
	unsigned int i, bits = 0;

	if (json_is_integer(value))
		return json_integer_value(value);
	if (json_is_object(value))
		value = json_object_get(value, "|");
	for (i = 0; i < json_array_size(value); i++)
		bits |= flags_value(json_array_get(value, i));
	for (i = 0; text && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i]))
			bits |= 1U << i;
	return bits;
}

static bool is_tcp_flags(const json_t *left)
{
	const json_t *payload = json_object_get(left, "payload");
	const char *protocol, *field;

	protocol = json_string_value(json_object_get(payload, "protocol"));
	field = json_string_value(json_object_get(payload, "field"));
	return protocol && field && !strcmp(protocol, "tcp") &&
	       !strcmp(field, "flags");
}

static bool is_ct_state(const json_t *left)
{
	const json_t *ct = json_object_get(left, "ct");
	const char *key = json_string_value(json_object_get(ct, "key"));

	return key && !strcmp(key, "state");
}

static bool flags_equal(unsigned int flags, const json_t *right)
{
	const json_t *set = json_object_get(right, "set");
	size_t i;

	for (i = 0; i < json_array_size(set); i++)
		if (flags == flags_value(json_array_get(set, i)))
			return true;
	return !set && flags == flags_value(right);
}

static enum answer flags_match(const char *op, const json_t *left,
			       const json_t *right, unsigned int flags)
{
	const json_t *mask = json_object_get(left, "&");

	if (mask) {
		left = json_array_get(mask, 0);
		flags &= flags_value(json_array_get(mask, 1));
	}
	if (!is_tcp_flags(left))
		return OTHER;
	if (!strcmp(op, "=="))
		return flags_equal(flags, right) ? YES : NO;
	if (!strcmp(op, "!="))
		return flags_equal(flags, right) ? NO : YES;
	if (!strcmp(op, "in"))
		return flags & flags_value(right) ? YES : NO;
	if (!strcmp(op, "!"))
		return flags & flags_value(right) ? NO : YES;
	return OTHER;
}

/* "new", ["established", "related"], {"set": [...]} */
static bool state_in(const json_t *right, const char *state)
{
	const char *text = json_string_value(right);
	size_t i;

	if (json_is_object(right))
		right = json_object_get(right, "set");
	for (i = 0; i < json_array_size(right); i++)
		if (state_in(json_array_get(right, i), state))
			return true;
	return text && !strcmp(text, state);
}

static enum answer match_segment(const json_t *match, const struct segment *s)
{
	const char *op = json_string_value(json_object_get(match, "op"));
	const json_t *left = json_object_get(match, "left");
	const json_t *right = json_object_get(match, "right");

	if (!op)
		return OTHER;
	if (!is_ct_state(left))
		return flags_match(op, left, right, s->flags);
	return state_in(right, s->state) == !strchr(op, '!') ? YES : NO;
}

/* ------------------------------------------------------------------ rules */

enum verdict {
	NONE, /* does not match, or goes on */
	ACCEPT,
	DROP,
};

static enum verdict verdict_of(const json_t *expression)
{
	if (json_object_get(expression, "accept"))
		return ACCEPT;
	if (json_object_get(expression, "drop") ||
	    json_object_get(expression, "reject"))
		return DROP;
	return NONE;
}

/* ct state vmap { new : drop, established : accept } */
static enum verdict vmap_verdict(const json_t *vmap, const struct segment *s)
{
	const json_t *set, *pair;
	size_t i;

	if (!is_ct_state(json_object_get(vmap, "key")))
		return NONE;
	set = json_object_get(json_object_get(vmap, "data"), "set");
	for (i = 0; i < json_array_size(set); i++) {
		pair = json_array_get(set, i);
		if (state_in(json_array_get(pair, 0), s->state))
			return verdict_of(json_array_get(pair, 1));
	}
	return NONE;
}

static enum verdict rule_verdict(const json_t *rule, const struct segment *s)
{
	const json_t *list = json_object_get(rule, "expr"), *expression, *part;
	enum verdict verdict = NONE;
	size_t i;

	for (i = 0; i < json_array_size(list) && verdict == NONE; i++) {
		expression = json_array_get(list, i);
		part = json_object_get(expression, "match");
		if (part && match_segment(part, s) == NO)
			return NONE;
		part = json_object_get(expression, "vmap");
		verdict = part ? vmap_verdict(part, s) : verdict_of(expression);
	}
	return verdict;
}

/* ----------------------------------------------------------------- chains */

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static bool same_chain(const json_t *a, const char *a_name, const json_t *b,
		       const char *b_name)
{
	return !strcmp(member(a, "family"), member(b, "family")) &&
	       !strcmp(member(a, "table"), member(b, "table")) &&
	       !strcmp(a_name, b_name);
}

static const json_t *chain_find(const json_t *objects, const json_t *rule)
{
	const json_t *chain;
	size_t i;

	for (i = 0; i < json_array_size(objects); i++) {
		chain = json_object_get(json_array_get(objects, i), "chain");
		if (chain && same_chain(chain, member(chain, "name"), rule,
					member(rule, "chain")))
			return chain;
	}
	return NULL;
}

/* Only what a forwarded packet meets is left out. */
static bool hook_matters(const char *hook)
{
	return !strcmp(hook, "input") || !strcmp(hook, "prerouting") ||
	       !strcmp(hook, "ingress") || !strcmp(hook, "output");
}

static bool jumps_to(const json_t *rule, const json_t *chain)
{
	const json_t *list = json_object_get(rule, "expr"), *jump;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		jump = json_object_get(json_array_get(list, i), "jump");
		if (!jump)
			jump = json_object_get(json_array_get(list, i), "goto");
		if (jump && same_chain(rule, member(jump, "target"), chain,
				       member(chain, "name")))
			return true;
	}
	return false;
}

/* A rule for everything that comes so far: "counter drop" */
static bool drops_all(const json_t *rule)
{
	const json_t *list = json_object_get(rule, "expr"), *expression;
	bool drops = false;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		expression = json_array_get(list, i);
		if (verdict_of(expression) == DROP)
			drops = true;
		else if (!json_object_get(expression, "counter") &&
			 !json_object_get(expression, "log"))
			return false;
	}
	return drops;
}

/* Is what no rule of a chain accepts dropped, by policy or at its end? */
static bool chain_drops(const json_t *objects, const json_t *chain)
{
	const json_t *rule;
	size_t i;

	if (!strcmp(member(chain, "policy"), "drop"))
		return true;
	for (i = 0; i < json_array_size(objects); i++) {
		rule = json_object_get(json_array_get(objects, i), "rule");
		if (rule && drops_all(rule) &&
		    same_chain(chain, member(chain, "name"), rule,
			       member(rule, "chain")))
			return true;
	}
	return false;
}

/* Nftables has chains jump 16 deep at the most. */
#define JUMPS_MAX 16

/* Is it, or is it called from, a base chain that local packets pass? */
static bool chain_matters(const json_t *objects, const json_t *chain, int depth)
{
	const json_t *rule, *from;
	size_t i;

	if (json_object_get(chain, "hook"))
		return hook_matters(member(chain, "hook"));
	if (depth == JUMPS_MAX)
		return true;
	for (i = 0; i < json_array_size(objects); i++) {
		rule = json_object_get(json_array_get(objects, i), "rule");
		if (!rule || !jumps_to(rule, chain))
			continue;
		from = chain_find(objects, rule);
		if (from && chain_matters(objects, from, depth + 1))
			return true;
	}
	return false;
}

/* "inet filter input handle 5 ("comment")" */
static const char *rule_name(const json_t *rule, char *buf, size_t size)
{
	const char *comment = member(rule, "comment");

	snprintf(buf, size, "%.32s %.48s %.48s handle %lld%s%.60s%s",
		 member(rule, "family"), member(rule, "table"),
		 member(rule, "chain"),
		 (long long)json_integer_value(json_object_get(rule, "handle")),
		 *comment ? " (\"" : "", comment, *comment ? "\")" : "");
	return buf;
}

#define LOOSE_HINT "; sysctl -w net.netfilter.nf_conntrack_tcp_loose=1 cures it"

static void rule_check(struct findings *f, const json_t *objects,
		       const json_t *rule, bool loose)
{
	struct segment data = first_data(loose);
	enum verdict syn = rule_verdict(rule, &the_syn);
	enum verdict later = rule_verdict(rule, &data);
	const json_t *chain;
	char name[256];

	if (!(later == DROP && syn != DROP) &&
	    !(later == NONE && syn == ACCEPT))
		return;
	chain = chain_find(objects, rule);
	if (!chain || !chain_matters(objects, chain, 0))
		return;
	rule_name(rule, name, sizeof(name));
	if (later == DROP)
		findings_add(
		    f, FINDING_WARN, "firewall",
		    "nft rule %s drops connections whose SYN it did "
		    "not see: those that XDP accepts%s",
		    name,
		    loose ? "; let it pass the listed ports" : LOOSE_HINT);
	else if (chain_drops(objects, chain))
		findings_add(
		    f, FINDING_WARN, "firewall",
		    "nft rule %s accepts the SYN only, and the "
		    "chain drops the data after it%s",
		    name,
		    loose ? "; let it accept without tcp flags" : LOOSE_HINT);
}

void findings_nft(struct findings *f, const json_t *ruleset, bool loose)
{
	const json_t *objects = json_object_get(ruleset, "nftables"), *rule;
	size_t i;

	for (i = 0; i < json_array_size(objects); i++) {
		rule = json_object_get(json_array_get(objects, i), "rule");
		if (rule)
			rule_check(f, objects, rule, loose);
	}
}

/* --------------------------------------------------------------- iptables */

/* The word after `option`, in a copy; "" where there is none. */
static void option_value(const char *line, const char *option, char *buf,
			 size_t size)
{
	const char *at = strstr(line, option);
	size_t len;

	buf[0] = '\0';
	if (!at)
		return;
	at += strlen(option);
	len = strcspn(at, " \n");
	if (len >= size)
		len = size - 1;
	memcpy(buf, at, len);
	buf[len] = '\0';
}

void findings_iptables(struct findings *f, const char *program,
		       const char *line, bool loose)
{
	char state[64], target[32];
	bool no_syn;

	option_value(line, " --ctstate ", state, sizeof(state));
	if (!*state)
		option_value(line, " --state ", state, sizeof(state));
	option_value(line, " -j ", target, sizeof(target));
	if (strcmp(target, "DROP") && strcmp(target, "REJECT"))
		return;
	no_syn = strstr(line, "! --syn") ||
		 strstr(line, "! --tcp-flags FIN,SYN,RST,ACK SYN") ||
		 strstr(line, "! --tcp-flags SYN,RST,ACK SYN");
	if (!(loose && no_syn && strstr(state, "NEW")) &&
	    !(!loose && strstr(state, "INVALID")))
		return;
	findings_add(f, FINDING_WARN, "firewall",
		     "rule \"%s\" of %s drops connections whose SYN it did "
		     "not see: those that XDP accepts%s",
		     line, program, loose ? "" : LOOSE_HINT);
}

/* ------------------------------------------------------- asking the system */

#define OUTPUT_MAX (16UL << 20)

static char *read_all(int fd)
{
	size_t len = 0, room = 65536;
	char *text = malloc(room), *grown;
	ssize_t n;

	while (text && (n = read(fd, text + len, room - len - 1)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || room > OUTPUT_MAX)
			break;
		len += n;
		if (len + 1 < room)
			continue;
		room *= 2;
		grown = realloc(text, room);
		if (!grown)
			free(text);
		text = grown;
	}
	if (text)
		text[len] = '\0';
	return text;
}

/* What a program prints; to be freed. NULL: it is not installed (*missing),
 * or it failed. */
static char *program_output(char *const argv[], bool *missing)
{
	extern char **environ;
	posix_spawn_file_actions_t actions;
	int pipes[2], status, err;
	char *text = NULL;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(
	    &actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	err = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	*missing = err == ENOENT;
	if (!err)
		text = read_all(pipes[0]);
	close(pipes[0]);
	if (!err && (waitpid(pid, &status, 0) != pid || status)) {
		free(text);
		text = NULL;
	}
	return text;
}

static void nft_check(struct findings *f, bool loose)
{
	char *argv[] = {"nft", "-j", "list", "ruleset", NULL};
	bool missing = false;
	char *text = program_output(argv, &missing);
	json_t *ruleset = text ? json_loads(text, 0, NULL) : NULL;

	if (ruleset)
		findings_nft(f, ruleset, loose);
	else if (!missing)
		findings_add(f, FINDING_NOTE, "firewall",
			     "'nft -j list ruleset' failed (it needs "
			     "CAP_NET_ADMIN): rules were not checked");
	json_decref(ruleset);
	free(text);
}

static void iptables_check(struct findings *f, char *program, bool loose)
{
	char *argv[] = {program, NULL}, *text, *line, *next;
	bool missing;

	text = program_output(argv, &missing);
	for (line = text; line && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		findings_iptables(f, program, line, loose);
	}
	free(text);
}

void findings_firewall(struct findings *f)
{
	long loose = 1;

	/* No such file: conntrack is not loaded. */
	hf_sysctl_values("net/netfilter/nf_conntrack_tcp_loose", &loose, 1);
	nft_check(f, loose);
	iptables_check(f, "iptables-save", loose);
	iptables_check(f, "ip6tables-save", loose);
}
