# SPDX-License-Identifier: BSD-2-Clause
#
# Tables from the rows that rows.awk has kept: medians of the runs.

function head(title) {
	printf "\n%s\n\n", title
}

# A line for each name of `list`, a column for each system. A star: voided.
function table(title, part, list, column, digits, i, j, s, name, text) {
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
			text = number(median(part, name, s, column), digits)
			if (text == "-" && voided[part, name, s])
				text = "void"
			printf "%13s", text
		}
		printf "\n"
	}
}

# Median and, in brackets, the least and the most of all runs.
function spread(part, key, s, column, digits, m, id) {
	m = median(part, key, s, column)
	id = part SUBSEP key SUBSEP s SUBSEP column
	if (m == "")
		return "-"
	return number(m, digits) " (" number(least[id], digits) "-" \
		number(most[id], digits) ")"
}

function capacity_table(i, s) {
	for (i = 1; i <= total["systems"]; i++) {
		s = names["systems", i]
		if (median("capacity", "", s, "rate") == "")
			continue
		if (!capacity_rows++) {
			head("Capacity, flood alone: SYN-ACKs/s from one core, CPU ns for each, (all runs)")
		}
		printf "%-14s %28s %20s\n", s,
		       spread("capacity", "", s, "rate", 0),
		       spread("capacity", "", s, "cpu", 0)
	}
}

function rates_table(i, s) {
	if (!total["rates"])
		return
	head("Connections/s, 32 at once, alternating runs: median (all runs); us of CPU for each: front end, whole machine; p50, p99 ms")
	for (i = 1; i <= total["rates"]; i++) {
		s = names["rates", i]
		printf "%-14s %24s %9.1f %9.1f %9.2f %9.2f\n", s,
		       spread("rates", "", s, "rate", 0),
		       median("rates", "", s, "cpu_front"),
		       median("rates", "", s, "cpu"),
		       median("rates", "", s, "p50"),
		       median("rates", "", s, "p99")
	}
}

function bulk_table(i, s) {
	if (!total["bulk"])
		return
	head("Bulk transfer to and from the front end: Gb/s, CPU ns of its receive work a packet received")
	printf "%-14s %22s %18s %22s %18s\n", "", "to, Gb/s", "ns/packet",
	       "from, Gb/s", "ns/packet"
	for (i = 1; i <= total["bulk"]; i++) {
		s = names["bulk", i]
		printf "%-14s %22s %18s %22s %18s\n", s,
		       spread("bulk", "to", s, "gbit", 2),
		       spread("bulk", "to", s, "cpu", 0),
		       spread("bulk", "from", s, "gbit", 2),
		       spread("bulk", "from", s, "cpu", 0)
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
}

function memory_line(s) {
	printf "%-14s %9s %24s\n", s, number(median("memory", "", s, "half_open"), 0),
	       spread("memory", "", s, "connection", 0)
}

function memory_table() {
	if (median("memory", "", "handfast", "half_open") == "")
		return
	head("Memory, bytes: a half-open request; a connection that waits to be accepted, both of its ends")
	memory_line("kernel1")
	memory_line("handfast")
}

END {
	print machine
	table("No flood, so many at once: connections/s", "peace", "at_once",
	      "rate", 0)
	table("  connect, p50 ms", "peace", "at_once", "connect_p50", 2)
	table("  connect, p99 ms", "peace", "at_once", "connect_p99", 2)
	table("  a whole request, p50 ms", "peace", "at_once", "p50", 2)
	table("  p99 ms", "peace", "at_once", "p99", 2)
	table("  most, ms", "peace", "at_once", "max", 1)
	table("  CPU us a connection, all of the machine", "peace", "at_once",
	      "cpu", 0)
	capacity_table()
	table("SYN flood (SYN/s; x: of the system's own capacity; full: all the sender can): % served of 1000 requests/s; void: not sent in full",
	      "served", "floods", "served", 2)
	table("  a whole request, p50 ms", "served", "floods", "p50", 2)
	table("  p99 ms", "served", "floods", "p99", 2)
	table("  p99 ms of requests that sent nothing twice, if the ring lost frames of clients",
	      "served", "floods", "own_p99", 2)
	table("  clients' frames lost in the ring", "served", "floods",
	      "client_lost", 0)
	table("  connections/s, 32 at once", "in_flood", "floods", "rate", 0)
	table("  % of a CPU that sending took from them", "in_flood", "floods",
	      "sender", 0)
	table("  SYN/s sent", "flood", "floods", "delivered", 0)
	table("  % of them lost in the ring before the system", "flood",
	      "floods", "lost", 1)
	table("Other floods, 100000/s: % served of 1000 requests/s",
	      "served", "others", "served", 2)
	table("  p99 ms", "served", "others", "p99", 2)
	table("64 connections' transfers while 100000 segments/s are forged for them: Gb/s",
	      "tuples", "forged", "gbit", 2)
	table("  connections broken", "tuples", "forged", "broken", 0)
	table("  the flood's CPU, % of the machine", "tuples", "forged",
	      "flood_cpu", 0)
	rates_table()
	bulk_table()
	scaling_table()
	memory_table()
}
