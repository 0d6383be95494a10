# SPDX-License-Identifier: BSD-2-Clause
#
# Tables from the rows of bench.sh, each a line of key=value; json=FILE gets
# them as a list of objects. Where a row has run=N, tables show medians.

function quoted(v) {
	return v ~ /^-?[0-9]+(\.[0-9]+)?$/ ? v : "\"" v "\""
}

function json_row(i, n, kv, out) {
	out = ""
	for (i = 1; i <= NF; i++) {
		n = index($i, "=")
		kv = "\"" substr($i, 1, n - 1) "\": " quoted(substr($i, n + 1))
		out = out (i > 1 ? ", " : "") kv
	}
	printf "%s\n  {%s}", (rows++ ? "," : ""), out > json
}

function take(i, n) {
	split("", v)
	for (i = 1; i <= NF; i++) {
		n = index($i, "=")
		v[substr($i, 1, n - 1)] = substr($i, n + 1)
	}
}

# Keeps every value of a cell; `part, key, system, column`.
function keep(part, key, sys, column, value, id) {
	id = part SUBSEP key SUBSEP sys SUBSEP column
	cell[id, ++count[id]] = value
}

function median(part, key, sys, column, id, n, i, j, a, t) {
	id = part SUBSEP key SUBSEP sys SUBSEP column
	n = count[id]
	if (!n)
		return ""
	for (i = 1; i <= n; i++)
		a[i] = cell[id, i] + 0
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && a[j - 1] > a[j]; j--) {
			t = a[j]; a[j] = a[j - 1]; a[j - 1] = t
		}
	least[id] = a[1]
	most[id] = a[n]
	return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}

function note(list, name) {
	if (!((list, name) in noted)) {
		noted[list, name] = 1
		names[list, ++total[list]] = name
	}
}

function number(x, digits) {
	return x == "" ? "-" : sprintf("%." digits "f", x)
}

BEGIN {
	if (json)
		printf "[" > json
}

json { json_row() }

{
	take()
	p = v["part"]
	s = v["system"]
	if (s != "")
		note(p == "rates" || p == "bulk" ? p : "systems", s)
}

p == "machine" { machine = v["cpus"] " CPUs " v["model"] ", Linux " v["kernel"] }

p == "peace" {
	note("at_once", v["at_once"])
	keep(p, v["at_once"], s, "rate", v["rate"])
	keep(p, v["at_once"], s, "p50", v["p50"])
	keep(p, v["at_once"], s, "p99", v["p99"])
	keep(p, v["at_once"], s, "max", v["max"])
	keep(p, v["at_once"], s, "cpu",
	     (v["cpu_front_ns"] + v["cpu_client_ns"]) / 1000)
}

p == "capacity" {
	keep(p, "", s, "rate", v["synack_rate"])
	keep(p, "", s, "cpu", v["cpu_ns"])
}

p == "flood" {
	note("floods", v["label"])
	keep(p, v["label"], s, "served", v["served"])
	keep(p, v["label"], s, "p99", v["p99"])
	keep(p, v["label"], s, "rate", v["rate"])
	keep(p, v["label"], s, "lost", 100 * v["ring_lost"])
	if (v["void"] + 0)
		voided[v["label"], s] = "*"
}

p == "silent" {
	note("floods", "silent")
	keep("flood", "silent", s, "served", 100 * v["ok"] / (v["ok"] + v["failed"]))
	keep("flood", "silent", s, "p99", v["p99"])
}

p == "tuples" {
	note("forged", v["kind"])
	keep(p, v["kind"], s, "gbit", v["gbit"])
	keep(p, v["kind"], s, "broken", v["broken"])
}

p == "rates" {
	keep(p, "", s, "rate", v["rate"])
	keep(p, "", s, "cpu", v["cpu_front_ns"] / 1000)
}

p == "bulk" {
	d = v["direction"] == "send" ? "to" : "from"
	keep(p, d, s, "gbit", v["gbit"])
	keep(p, d, s, "cpu", v["cpu_packet_ns"])
}

p == "scaling" {
	note("scaling", v["what"] " " v["n"])
	keep(p, v["what"] " " v["n"], "", v["case"], v["ns"])
}

p == "memory" { memory = v["half_open_bytes"] " bytes a half-open request, " \
	v["connection_bytes"] " a waiting connection" }

function head(title) {
	printf "\n%s\n\n", title
}

# A line for each name of `list`, a column for each system.
function table(title, part, list, column, digits, mark, i, j, s, name) {
	if (!total[list])
		return
	head(title)
	printf "%-12s", ""
	for (j = 1; j <= total["systems"]; j++)
		printf "%13s", names["systems", j]
	printf "\n"
	for (i = 1; i <= total[list]; i++) {
		name = names[list, i]
		printf "%-12s", name
		for (j = 1; j <= total["systems"]; j++) {
			s = names["systems", j]
			printf "%13s", number(median(part, name, s, column),
					      digits) \
				(mark ? voided[name, s] : "")
		}
		printf "\n"
	}
}

function capacity_table(i, s) {
	head("Flood alone: SYN-ACKs a second from one core, CPU ns for each")
	for (i = 1; i <= total["systems"]; i++) {
		s = names["systems", i]
		printf "%-14s %9s %9s\n", s,
		       number(median("capacity", "", s, "rate"), 0),
		       number(median("capacity", "", s, "cpu"), 0)
	}
}

function rates_table(i, s, m, id) {
	if (!total["rates"])
		return
	head("Connections a second, 32 at once, alternating runs: median, least, most; front end's CPU us for each")
	for (i = 1; i <= total["rates"]; i++) {
		s = names["rates", i]
		m = median("rates", "", s, "rate")
		id = "rates" SUBSEP "" SUBSEP s SUBSEP "rate"
		printf "%-14s %9.0f %9.0f %9.0f %9.1f\n", s, m, least[id],
		       most[id], median("rates", "", s, "cpu")
	}
}

function bulk_table(i, s) {
	if (!total["bulk"])
		return
	head("Bulk transfer to and from the front end: Gb/s, CPU ns a packet received there")
	for (i = 1; i <= total["bulk"]; i++) {
		s = names["bulk", i]
		printf "%-14s %9s %9s %9s %9s\n", s,
		       number(median("bulk", "to", s, "gbit"), 2),
		       number(median("bulk", "to", s, "cpu"), 0),
		       number(median("bulk", "from", s, "gbit"), 2),
		       number(median("bulk", "from", s, "cpu"), 0)
	}
}

function scaling_table(i, j, n, c) {
	if (!total["scaling"])
		return
	head("What a packet costs as tables fill, ns: one hot tuple, random ones")
	n = split("syn_cookie syn_state established_pass", c, " ")
	printf "%-20s%22s%22s%22s\n", "", c[1], c[2], c[3]
	for (i = 1; i <= total["scaling"]; i++) {
		printf "%-20s", names["scaling", i]
		for (j = 1; j <= n; j++)
			printf "%12s%10s",
			       number(median("scaling", names["scaling", i],
					     "", c[j]), 0),
			       number(median("scaling", names["scaling", i],
					     "", c[j] "_random"), 0)
		printf "\n"
	}
	if (memory)
		printf "\n%s\n", memory
}

# For gnuplot: a line for each flood, a column for each system.
function plot_data(i, j) {
	printf "flood"
	for (j = 1; j <= total["systems"]; j++)
		printf " %s", names["systems", j]
	printf "\n"
	for (i = 1; i <= total["floods"]; i++) {
		if (names["floods", i] == "silent")
			continue
		printf "%s", names["floods", i]
		for (j = 1; j <= total["systems"]; j++)
			printf " %s", number(median("flood", names["floods", i],
						    names["systems", j], plot), 1)
		printf "\n"
	}
}

# What has to be reached: name, figure, limit, 1 at least / -1 at most.
function goal(name, value, limit, way) {
	if (value == "" || value == "-" || limit == "")
		return
	printf "  %-58s %10.3g %s %-10.3g %s\n", name, value,
	       (way > 0) ? "at least" : "at most ", limit,
	       (way > 0 ? value >= limit : value <= limit) ? "holds" : "MISSED"
}

function ratio(a, b) {
	return a == "" || b == "" || b == 0 ? "" : a / b
}

function flood_goals(i, name) {
	for (i = 1; i <= total["floods"]; i++) {
		name = names["floods", i]
		if (name == "x1.5" || voided[name, "handfast"])
			continue
		goal("served in flood " name ", %",
		     median("flood", name, "handfast", "served"), 100, 1)
	}
	goal("p99 at 100000 SYN/s, to that without a flood",
	     ratio(median("flood", "100000", "handfast", "p99"),
		   median("peace", "32", "handfast", "p99")), 2, -1)
	goal("connections/s at 300000 SYN/s, to those without a flood",
	     ratio(median("flood", "300000", "handfast", "rate"),
		   median("peace", "32", "handfast", "rate")), 0.75, 1)
}

function goals() {
	head("What is to be reached")
	goal("CPU of an answered SYN, to xdp_synproxy's",
	     ratio(median("capacity", "", "handfast", "cpu"),
		   median("capacity", "", "xdp_synproxy", "cpu")), 0.6, -1)
	goal("CPU of an answered SYN, to the kernel's cookies'",
	     ratio(median("capacity", "", "handfast", "cpu"),
		   median("capacity", "", "kernel1", "cpu")), 0.13, -1)
	goal("SYN-ACKs/s, to xdp_synproxy's",
	     ratio(median("capacity", "", "handfast", "rate"),
		   median("capacity", "", "xdp_synproxy", "rate")), 1.5, 1)
	flood_goals()
	goal("connections/s, to the kernel's listener",
	     ratio(median("rates", "", "handfast", "rate"),
		   median("rates", "", "kernel1", "rate")), 0.95, 1)
	goal("CPU of a connection, to the kernel's listener",
	     ratio(median("rates", "", "handfast", "cpu"),
		   median("rates", "", "kernel1", "cpu")), 1.2, -1)
	goal("relay's connections/s, to HAProxy's",
	     ratio(median("rates", "", "relay", "rate"),
		   median("rates", "", "haproxy", "rate")), 0.9, 1)
	goal("CPU of a bulk packet, to the pass-only program's",
	     ratio(median("bulk", "to", "handfast", "cpu"),
		   median("bulk", "to", "pass", "cpu")), 1.05, -1)
}

END {
	if (json)
		print "\n]" > json
	if (plot) {
		if (total["floods"])
			plot_data()
		exit
	}
	print machine
	table("No flood, so many at once: connections/s", "peace", "at_once",
	      "rate", 0)
	table("  a whole request, p50 ms", "peace", "at_once", "p50", 2)
	table("  p99 ms", "peace", "at_once", "p99", 2)
	table("  most, ms", "peace", "at_once", "max", 1)
	table("  CPU us a connection, both ends", "peace", "at_once", "cpu", 0)
	if (count["capacity" SUBSEP "" SUBSEP "handfast" SUBSEP "rate"] || \
	    count["capacity" SUBSEP "" SUBSEP "kernel1" SUBSEP "rate"])
		capacity_table()
	table("In a flood: % of 1000 requests/s that were served " \
	      "(* the flood was not sent in full)",
	      "flood", "floods", "served", 1, 1)
	table("  a whole request, p99 ms", "flood", "floods", "p99", 1)
	table("  connections/s, 32 at once", "flood", "floods", "rate", 0)
	table("  % of the flood lost in the ring before the system", "flood",
	      "floods", "lost", 1)
	table("64 connections' transfers while segments are forged for them: Gb/s",
	      "tuples", "forged", "gbit", 2)
	table("  connections broken", "tuples", "forged", "broken", 0)
	rates_table()
	bulk_table()
	scaling_table()
	goals()
}
