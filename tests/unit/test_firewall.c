// SPDX-License-Identifier: BSD-2-Clause
/* Rules that drop connections whose SYN netfilter did not see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/findings.h"

/* The only function of another file that the one under test calls. */
void findings_add(struct findings *f, enum finding_level level,
		  const char *about, const char *format, ...)
{
	struct finding *finding = &f->list[f->count++];
	va_list args;

	finding->level = level;
	snprintf(finding->about, sizeof(finding->about), "%s", about);
	va_start(args, format);
	vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
}

/* As nft 1.0.6 prints them. */
#define FLAGS "{\"payload\": {\"protocol\": \"tcp\", \"field\": \"flags\"}}"
#define MATCH(op, left, right)                                                 \
	"{\"match\": {\"op\": \"" op "\", \"left\": " left                     \
	", \"right\": " right "}}"
#define STATE(value) MATCH("in", "{\"ct\": {\"key\": \"state\"}}", value)
#define MASKED(op, value)                                                      \
	MATCH(op,                                                              \
	      "{\"&\": [" FLAGS ", [\"fin\", \"syn\", \"rst\", \"ack\"]]}",    \
	      value)
#define DPORT                                                                  \
	MATCH("==",                                                            \
	      "{\"payload\": {\"protocol\": \"tcp\", \"field\": \"dport\"}}",  \
	      "443")
#define ACCEPT "{\"accept\": null}"
#define DROP "{\"drop\": null}"
#define REJECT "{\"reject\": {\"type\": \"tcp reset\"}}"
#define COUNTER "{\"counter\": {\"packets\": 0, \"bytes\": 0}}"

/* How often a rule of the base chain `hook` is found fault with. */
static struct findings check(const char *hook, const char *policy,
			     const char *rule, bool loose)
{
	struct findings f = {};
	char text[4096];
	json_t *ruleset;

	snprintf(text, sizeof(text),
		 "{\"nftables\": [{\"metainfo\": {\"version\": \"1.0.6\"}}, "
		 "{\"chain\": {\"family\": \"inet\", \"table\": \"filter\", "
		 "\"name\": \"base\", \"handle\": 1, \"type\": \"filter\", "
		 "\"hook\": \"%s\", \"prio\": 0, \"policy\": \"%s\"}}, "
		 "{\"rule\": {\"family\": \"inet\", \"table\": \"filter\", "
		 "\"chain\": \"base\", \"handle\": 7, \"comment\": \"a rule\", "
		 "\"expr\": [%s]}}]}",
		 hook, policy, rule);
	ruleset = json_loads(text, 0, NULL);
	assert_non_null(ruleset);
	findings_nft(&f, ruleset, loose);
	json_decref(ruleset);
	return f;
}

struct row {
	const char *rule;
	int loose;     /* findings with tcp_loose 1 */
	int not_loose; /* and 0 */
	const char *policy;
};

static void rows(void **state)
{
	static const struct row rows[] = {
	    /* ct state new tcp flags != syn drop */
	    {STATE("\"new\"") "," MATCH("!=", FLAGS, "\"syn\"") "," DROP, 1, 0,
	     "accept"},
	    /* tcp flags & (fin|syn|rst|ack) != syn ct state new counter
	     * reject with tcp reset */
	    {MASKED("!=", "\"syn\"") "," STATE("\"new\"") "," COUNTER
							  "," REJECT,
	     1, 0, "accept"},
	    /* tcp flags ! syn ct state new drop */
	    {MATCH("!", FLAGS, "\"syn\"") "," STATE("\"new\"") "," DROP, 1, 0,
	     "accept"},
	    /* ct state invalid drop */
	    {STATE("\"invalid\"") "," DROP, 0, 1, "accept"},
	    /* ct state { invalid, untracked } drop */
	    {MATCH("==", "{\"ct\": {\"key\": \"state\"}}",
		   "{\"set\": [\"invalid\", \"untracked\"]}") "," DROP,
	     0, 1, "accept"},
	    /* ct state != established drop: no service at all */
	    {MATCH("!=", "{\"ct\": {\"key\": \"state\"}}",
		   "\"established\"") "," DROP,
	     0, 0, "accept"},
	    /* ct state new drop: the same */
	    {STATE("\"new\"") "," DROP, 0, 0, "accept"},
	    /* ct state established,related accept */
	    {STATE("[\"established\", \"related\"]") "," ACCEPT, 0, 0, "drop"},
	    /* tcp dport 443 accept */
	    {DPORT "," ACCEPT, 0, 0, "drop"},
	    /* tcp dport 443 ct state new accept */
	    {DPORT "," STATE("\"new\"") "," ACCEPT, 0, 1, "drop"},
	    {DPORT "," STATE("\"new\"") "," ACCEPT, 0, 0, "accept"},
	    /* tcp dport 443 tcp flags syn / fin,syn,rst,ack accept */
	    {DPORT "," MASKED("==", "\"syn\"") "," ACCEPT, 1, 1, "drop"},
	    /* tcp flags == { syn, syn | ack } accept */
	    {MATCH("==", FLAGS,
		   "{\"set\": [\"syn\", {\"|\": [\"syn\", "
		   "\"ack\"]}]}") "," ACCEPT,
	     1, 1, "drop"},
	    /* ct state vmap { invalid : drop, new : accept } */
	    {"{\"vmap\": {\"key\": {\"ct\": {\"key\": \"state\"}}, "
	     "\"data\": {\"set\": [[\"invalid\", {\"drop\": null}], "
	     "[\"new\", {\"accept\": null}]]}}}",
	     0, 1, "accept"},
	    /* an expression of xtables, which nft cannot show */
	    {"{\"xt\": null}", 0, 0, "drop"},
	    {"", 0, 0, "drop"},
	    {"\"notrack\", 7, null, [], {}", 0, 0, "drop"},
	    {MATCH("~", "7", "{}") "," DROP, 0, 0, "accept"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("row %zu\n", i);
		assert_int_equal(
		    check("input", rows[i].policy, rows[i].rule, true).count,
		    rows[i].loose);
		assert_int_equal(
		    check("input", rows[i].policy, rows[i].rule, false).count,
		    rows[i].not_loose);
	}
}

#define NO_SYN STATE("\"new\"") "," MATCH("!=", FLAGS, "\"syn\"") "," DROP

static void rule_is_named(void **state)
{
	struct findings f = check("input", "accept", NO_SYN, true);

	(void)state;
	assert_int_equal(f.count, 1);
	assert_non_null(
	    strstr(f.list[0].text, "inet filter base handle 7 (\"a rule\")"));
	f = check("input", "accept", STATE("\"invalid\"") "," DROP, false);
	assert_non_null(strstr(f.list[0].text, "nf_conntrack_tcp_loose=1"));
}

/* "counter drop" at the end is a policy, too */
static void drop_at_the_end(void **state)
{
	static const char accept_syn[] =
	    DPORT "," MASKED("==", "\"syn\"") "," ACCEPT;
	char rules[2048];

	(void)state;
	assert_int_equal(check("input", "accept", accept_syn, true).count, 0);
	snprintf(rules, sizeof(rules),
		 "%s]}}, {\"rule\": {\"family\": \"inet\", "
		 "\"table\": \"filter\", \"chain\": \"base\", "
		 "\"handle\": 8, \"expr\": [%s",
		 accept_syn, COUNTER "," DROP);
	assert_int_equal(check("input", "accept", rules, true).count, 1);
}

static void hooks(void **state)
{
	(void)state;
	assert_int_equal(check("prerouting", "accept", NO_SYN, true).count, 1);
	assert_int_equal(check("output", "accept", NO_SYN, true).count, 1);
	assert_int_equal(check("forward", "accept", NO_SYN, true).count, 0);
}

/* A chain without a hook counts if one with a hook leads to it. */
static void jumps(void **state)
{
	static const char text[] =
	    "{\"nftables\": ["
	    "{\"chain\": {\"family\": \"ip\", \"table\": \"t\", "
	    "\"name\": \"in\", \"hook\": \"%s\", \"policy\": \"accept\"}},"
	    "{\"chain\": {\"family\": \"ip\", \"table\": \"t\", "
	    "\"name\": \"tcp\"}},"
	    "{\"chain\": {\"family\": \"ip\", \"table\": \"t\", "
	    "\"name\": \"loop\"}},"
	    "{\"rule\": {\"family\": \"ip\", \"table\": \"t\", "
	    "\"chain\": \"in\", \"handle\": 1, \"expr\": "
	    "[{\"jump\": {\"target\": \"tcp\"}}]}},"
	    "{\"rule\": {\"family\": \"ip\", \"table\": \"t\", "
	    "\"chain\": \"tcp\", \"handle\": 2, \"expr\": [" NO_SYN "]}},"
	    "{\"rule\": {\"family\": \"ip\", \"table\": \"t\", "
	    "\"chain\": \"lonely\", \"handle\": 3, \"expr\": [" NO_SYN "]}}]}";
	char buf[sizeof(text) + 16];
	struct findings f = {};
	json_t *ruleset;

	(void)state;
	snprintf(buf, sizeof(buf), text, "input");
	ruleset = json_loads(buf, 0, NULL);
	findings_nft(&f, ruleset, true);
	json_decref(ruleset);
	assert_int_equal(f.count, 1);
	assert_non_null(strstr(f.list[0].text, "ip t tcp handle 2"));

	f.count = 0;
	snprintf(buf, sizeof(buf), text, "forward");
	ruleset = json_loads(buf, 0, NULL);
	findings_nft(&f, ruleset, true);
	json_decref(ruleset);
	assert_int_equal(f.count, 0);
}

static void iptables(void **state)
{
	static const struct {
		const char *line;
		int loose, not_loose;
	} rows[] = {
	    {"-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m "
	     "conntrack --ctstate NEW -j DROP",
	     1, 0},
	    {"-A INPUT -p tcp ! --syn -m state --state NEW -j REJECT "
	     "--reject-with tcp-reset",
	     1, 0},
	    {"-A INPUT -m conntrack --ctstate INVALID -j DROP", 0, 1},
	    {"-A INPUT -m conntrack --ctstate INVALID -j LOG", 0, 0},
	    {"-A INPUT -m conntrack --ctstate NEW -j DROP", 0, 0},
	    {"-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", 0, 0},
	    {":INPUT DROP [0:0]", 0, 0},
	    {"", 0, 0},
	};
	struct findings f = {};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f.count = 0;
		findings_iptables(&f, "iptables-save", rows[i].line, true);
		assert_int_equal(f.count, rows[i].loose);
		f.count = 0;
		findings_iptables(&f, "iptables-save", rows[i].line, false);
		assert_int_equal(f.count, rows[i].not_loose);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows),  cmocka_unit_test(rule_is_named),
	    cmocka_unit_test(hooks), cmocka_unit_test(drop_at_the_end),
	    cmocka_unit_test(jumps), cmocka_unit_test(iptables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
