# SPDX-License-Identifier: BSD-2-Clause
#
# What has to be reached, beside what was; and bench.json, where json=FILE.

function quoted(x) {
	return x ~ /^-?[0-9]+(\.[0-9]+)?$/ ? x : "\"" x "\""
}

json {
	rows_json = rows_json (NR > 1 ? ",\n" : "") "    {"
	for (i = 1; i <= NF; i++) {
		n = index($i, "=")
		rows_json = rows_json (i > 1 ? ", " : "") "\"" \
			substr($i, 1, n - 1) "\": " quoted(substr($i, n + 1))
	}
	rows_json = rows_json "}"
}

# Ratio of two figures of the same runs: sets value, noise (half of what lies
# between the least and the most) and samples.
function ratio(part, key, s, column, part2, key2, s2, column2, a, b, i, n, x) {
	a = part SUBSEP key SUBSEP s SUBSEP column
	b = part2 SUBSEP key2 SUBSEP s2 SUBSEP column2
	n = 0
	for (i = 0; i < runs; i++)
		if ((a, i) in by_run && by_run[b, i] + 0 > 0)
			x[++n] = by_run[a, i] / by_run[b, i]
	settle(x, n)
}

function figure(part, key, s, column, a, i, n, x) {
	a = part SUBSEP key SUBSEP s SUBSEP column
	n = count[a] + 0
	for (i = 1; i <= n; i++)
		x[i] = cell[a, i] + 0
	settle(x, n)
}

function settle(x, n) {
	samples = n
	value = noise = ""
	if (!n)
		return
	sorted(x, n)
	value = middle(x, n)
	noise = n > 1 ? (x[n] - x[1]) / 2 : ""
}

# goal NAME LIMIT WAY: of value, noise and samples; way 1 at least, -1 at most.
function goal(name, limit, way, verdict, far) {
	if (value == "") {
		verdict = "NO FIGURE"
	} else {
		verdict = (way > 0 ? value >= limit : value <= limit) ? \
			"held" : "MISSED"
		far = value > limit ? value - limit : limit - value
		if (noise != "" && far < noise)
			verdict = verdict ", within noise"
	}
	printf "  %-62s %-8s %6.4g %9s %8s  %s\n", name,
	       (way > 0 ? "at least" : "at most"), limit,
	       value == "" ? "-" : sprintf("%.4g", value),
	       noise == "" ? "-" : sprintf("%.2g", noise), verdict
	goals_json = goals_json (goals_count++ ? ",\n" : "") \
		sprintf("    {\"target\": \"%s\", \"%s\": %s, \"value\": %s, " \
			"\"noise\": %s, \"runs\": %d, \"verdict\": \"%s\"}",
			name, (way > 0 ? "at_least" : "at_most"), limit,
			value == "" ? "null" : sprintf("%.6g", value),
			noise == "" ? "null" : sprintf("%.6g", noise),
			samples, verdict)
}

# handfast by libhandfast, and with delivery kernel.
function label_of(s) {
	return s == "handfast" ? "" : s ": "
}

# The worst of all runs: one request that is not served is one too many.
function goal_served(s, name, label, id) {
	id = "served" SUBSEP name SUBSEP s SUBSEP "served"
	figure("served", name, s, "served")
	if (median("served", name, s, "served") != "")
		value = least[id]
	goal(label_of(s) label, 100, 1)
}

function goals_capacity() {
	ratio("capacity", "", "handfast", "cpu",
	      "capacity", "", "xdp_synproxy", "cpu")
	goal("CPU of an answered SYN, to xdp_synproxy's", 0.6, -1)
	ratio("capacity", "", "handfast", "cpu",
	      "capacity", "", "kernel1", "cpu")
	goal("CPU of an answered SYN, to the kernel's cookies'", 0.13, -1)
	figure("capacity", "", "handfast", "cpu")
	goal("CPU of an answered SYN, ns", 400, -1)
	ratio("capacity", "", "handfast", "rate",
	      "capacity", "", "xdp_synproxy", "rate")
	goal("SYN-ACKs/s, to xdp_synproxy's", 1.5, 1)
}

# Up to 0.9 of the capacity all is to be served; above, more than by others.
function goals_floods(s, i, name, cap) {
	cap = median("capacity", "", "handfast", "rate")
	for (i = 1; i <= total["floods"]; i++) {
		name = names["floods", i]
		if (name ~ /^(none|x1.5|full)$/ || \
		    (name + 0 > 0 && cap != "" && name + 0 > 0.9 * cap))
			continue
		goal_served(s, name, "served, %, SYN flood " name)
	}
	ratio("served", "100000", s, "own_p99", "served", "none", s, "p99")
	goal(label_of(s) "p99 of a request at 100000 SYN/s, to that in peace",
	     2, -1)
	ratio("in_flood", "300000", s, "rate",
	      "in_flood", "300000", s, "peace_rate")
	goal(label_of(s) "connections/s at 300000 SYN/s, to those in peace",
	     0.75, 1)
	goal_full(s)
}

# Unpaced, above what any can take.
function goal_full(own, i, s, best, m) {
	if (median("served", "full", own, "served") == "")
		return
	best = ""
	for (i = 1; i <= total["systems"]; i++) {
		s = names["systems", i]
		m = median("served", "full", s, "served")
		if (s !~ /^(handfast|hf_kernel|relay)$/ && m != "" && \
		    (best == "" || m > best))
			best = m
	}
	figure("served", "full", own, "served")
	if (best != "")
		goal(label_of(own) "served, %, full flood; limit: the best " \
		     "alternative's", best, 1)
}

function goals_others(s, i, name, base, cost) {
	for (i = 1; i <= total["others"]; i++) {
		name = names["others", i]
		goal_served(s, name, "served, %, other flood: " name)
	}
	base = median("tuples", "none", s, "gbit")
	for (i = 1; i <= total["forged"]; i++) {
		name = names["forged", i]
		if (name == "none" || base == "" || base == 0)
			continue
		figure("tuples", name, s, "broken")
		goal(label_of(s) "transfers broken, forged " name, 0, -1)
		ratio("tuples", name, s, "gbit", "tuples", "none", s, "gbit")
		cost = median("tuples", name, s, "flood_cpu")
		goal(label_of(s) "transfers' rate, forged " name \
		     "; limit: less its CPU", 1 - cost / 100, 1)
	}
}

function goals_rates_of(s) {
	ratio("rates", "", s, "rate", "rates", "", "kernel1", "rate")
	goal(label_of(s) "connections/s, to the kernel's listener", 0.95, 1)
	ratio("rates", "", s, "cpu", "rates", "", "kernel1", "cpu")
	goal(label_of(s) "CPU of a connection, to the kernel's listener", 1.2,
	     -1)
}

function goals_rates() {
	goals_rates_of("handfast")
	goals_rates_of("hf_kernel")
	ratio("rates", "", "relay", "rate", "rates", "", "haproxy", "rate")
	goal("relay: connections/s, to HAProxy's", 0.9, 1)
}

function goals_bulk() {
	ratio("bulk", "to", "handfast", "cpu", "bulk", "to", "pass", "cpu")
	goal("CPU of a packet in, to the pass-only program's", 1.05, -1)
	ratio("bulk", "from", "handfast", "cpu", "bulk", "from", "pass", "cpu")
	goal("CPU of a packet, sending, to the pass-only program's", 1.05, -1)
	ratio("bulk", "to", "relay", "gbit", "bulk", "to", "haproxy", "gbit")
	goal("relay: Gb/s in, to HAProxy's", 0.9, 1)
	ratio("bulk", "from", "relay", "gbit", "bulk", "from", "haproxy",
	      "gbit")
	goal("relay: Gb/s out, to HAProxy's", 0.9, 1)
}

# ns that a packet costs more at the fullest than at the least; what the same
# kind varies by between the other steps is the noise.
function goal_growth(what, kind, limit, i, name, a, n, x) {
	n = 0
	for (i = 1; i <= total["scaling"]; i++) {
		name = names["scaling", i]
		a = median("scaling", name, "", kind)
		if (index(name, what " ") == 1 && a != "")
			x[++n] = a
	}
	value = noise = ""
	samples = n
	if (n > 1) {
		value = x[n] - x[1]
		sorted(x, n)
		noise = (x[n] - x[1]) / 2
	}
	goal("ns more a " (kind ~ /^syn/ ? "SYN" : "segment") \
	     (kind ~ /random/ ? " (random)" : " (one tuple)") \
	     ", fullest " what, limit, -1)
}

function goals_scaling(what, n, i) {
	n = split("listeners half_open established", what, " ")
	for (i = 1; i <= n; i++) {
		goal_growth(what[i], "established_pass", 15)
		goal_growth(what[i], "established_pass_random", 15)
	}
	goal_growth("established", "syn_cookie", 60)
	goal_growth("established", "syn_cookie_random", 60)
}

END {
	printf "\nWhat is to be reached (noise: half of what lies between " \
		"the least and the most of the runs)\n\n"
	printf "  %-62s %-8s %6s %9s %8s  %s\n", "", "", "limit", "value",
	       "noise", ""
	if (count["capacity" SUBSEP "" SUBSEP "handfast" SUBSEP "rate"])
		goals_capacity()
	if (total["floods"] > 1) {
		goals_floods("handfast")
		goals_floods("hf_kernel")
	}
	if (total["others"]) {
		goals_others("handfast")
		goals_others("hf_kernel")
	}
	if (total["rates"])
		goals_rates()
	if (total["bulk"])
		goals_bulk()
	if (total["scaling"])
		goals_scaling()
	if (json)
		printf "{\n  \"rows\": [\n%s\n  ],\n  \"targets\": [\n%s\n  ]\n}\n",
		       rows_json, goals_json > json
}
