# SPDX-License-Identifier: BSD-2-Clause
#
# Reads the rows of bench.sh, each a line of key=value, and keeps every value
# under (part, key, system, column), by run. Void ones are left out.

function take(i, n) {
	split("", v)
	for (i = 1; i <= NF; i++) {
		n = index($i, "=")
		v[substr($i, 1, n - 1)] = substr($i, n + 1)
	}
}

function keep(key, column, value, id) {
	id = v["part"] SUBSEP key SUBSEP v["system"] SUBSEP column
	cell[id, ++count[id]] = value
	by_run[id, v["run"] + 0] = value
	if (v["run"] + 0 >= runs)
		runs = v["run"] + 1
}

function sorted(a, n, i, j, t) {
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && a[j - 1] > a[j]; j--) {
			t = a[j]; a[j] = a[j - 1]; a[j - 1] = t
		}
}

function middle(a, n) {
	return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}

function median(part, key, sys, column, id, n, i, a) {
	id = part SUBSEP key SUBSEP sys SUBSEP column
	n = count[id]
	if (!n)
		return ""
	for (i = 1; i <= n; i++)
		a[i] = cell[id, i] + 0
	sorted(a, n)
	least[id] = a[1]
	most[id] = a[n]
	return middle(a, n)
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

{
	take()
	p = v["part"]
	s = v["system"]
	if (s != "" && (p == "peace" || p == "capacity" || p == "served" || \
	    p == "tuples"))
		there[s] = 1
	if (p == "rates" || p == "bulk")
		note(p, s)
}

v["void"] == 1 { voided[p, v["label"], s]++ }

# The systems in their own order, whichever was measured first.
p == "machine" {
	ordered = split(v["systems"], order, ",")
	machine = v["cpus"] " CPUs " v["model"] ", Linux " v["kernel"]
	if (v["quick"] + 0)
		machine = machine "; QUICK: figures not to be believed"
}

p == "steal" {
	machine = machine sprintf("; the hypervisor took %.1f %% of its time",
				  100 * v["share"])
}

p == "served" {
	note(v["kind"] ~ /^(none|syn)$/ ? "floods" : "others", v["label"])
}
p == "tuples" { note("forged", v["label"]) }
p == "peace" { note("at_once", v["at_once"]) }
p == "scaling" { note("scaling", v["what"] " " v["n"]) }
p == "flood" { keep(v["label"], "delivered", v["delivered"])
	       keep(v["label"], "lost", 100 * v["ring_lost"]) }

v["void"] == 1 { next }

p == "peace" {
	keep(v["at_once"], "rate", v["rate"])
	keep(v["at_once"], "connect_p50", v["connect_p50"])
	keep(v["at_once"], "connect_p99", v["connect_p99"])
	keep(v["at_once"], "p50", v["p50"])
	keep(v["at_once"], "p99", v["p99"])
	keep(v["at_once"], "max", v["max"])
	keep(v["at_once"], "cpu", v["cpu_all_ns"] / 1000)
	keep(v["at_once"], "failed", v["failed"])
}

p == "capacity" {
	keep("", "rate", v["synack_rate"])
	keep("", "cpu", v["cpu_ns"])
	keep("", "busy", 100 * v["busy"])
}

function lost_explains() {
	return v["client_lost"] != "-" && \
		v["retried"] + 0 <= v["client_lost"] + 0
}

# Where the ring lost clients' frames, the requests that sent something again
# are apart, if that explains them.
p == "served" {
	keep(v["label"], "served", v["served"])
	keep(v["label"], "p50", v["p50"])
	keep(v["label"], "p99", v["p99"])
	keep(v["label"], "max", v["max"])
	keep(v["label"], "own_p99", lost_explains() ? v["smooth_p99"] : v["p99"])
	keep(v["label"], "retried", v["retried"])
	if (v["client_lost"] != "-")
		keep(v["label"], "client_lost", v["client_lost"])
}

p == "in_flood" {
	keep(v["label"], "rate", v["rate"])
	keep(v["label"], "sender", 100 * v["sender_busy"])
	if (v["peace_rate"] != "-")
		keep(v["label"], "peace_rate", v["peace_rate"])
	keep(v["label"], "failed", v["failed"])
}

p == "tuples" {
	keep(v["label"], "gbit", v["gbit"])
	keep(v["label"], "broken", v["broken"])
	keep(v["label"], "flood_cpu", 100 * v["flood_cpu"])
}

p == "rates" {
	keep("", "rate", v["rate"])
	keep("", "p50", v["p50"])
	keep("", "p99", v["p99"])
	keep("", "cpu_front", v["cpu_front_ns"] / 1000)
	keep("", "cpu", v["cpu_all_ns"] / 1000)
}

p == "bulk" {
	keep(v["direction"], "gbit", v["gbit"])
	keep(v["direction"], "cpu", v["cpu_packet_ns"])
}

p == "scaling" { keep(v["what"] " " v["n"], v["case"], v["ns"]) }

p == "memory" {
	keep("", "half_open", v["half_open_bytes"])
	keep("", "connection", v["connection_bytes"])
}

# First of the END blocks.
END {
	for (i = 1; i <= ordered; i++)
		if (order[i] in there)
			note("systems", order[i])
}
