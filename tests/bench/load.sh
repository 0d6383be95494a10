# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # variables of and for others
#
# The load programs, and what is read around them. Sourced.

helpers=() # processes at the peer that are still running

calc() { # calc FORMAT EXPRESSION
	awk "BEGIN {printf \"$1\", ($2)}"
}

per() { # per VALUE COUNT
	calc %.0f "($2 > 0) ? $1 / $2 : 0"
}

# ------------------------------------------------------------------- CPU

front_cpu() {
	cpu_ns "$front_napi" "${front_pids[@]}"
}

# All that the machine did, on all CPUs: user, nice, system, irq, softirq.
machine_cpu() {
	awk -v hz="$(getconf CLK_TCK)" '$1 == "cpu" {
		printf "%.0f\n", ($2 + $3 + $4 + $7 + $8) * 1e9 / hz}' /proc/stat
}

# -------------------------------------------------------------- counters

driver_sum() { # driver_sum NAMESPACE PATTERN: of ethtool -S, device = namespace
	nsenter "--net=/run/netns/$1" ethtool -S "$1" |
		awk -v want="$2" '$1 ~ want {s += $2} END {print s + 0}'
}

# Frames that XDP answered itself at the front end.
front_tx() {
	driver_sum "$front" '^rx_queue_[0-9]+_xdp_tx:'
}

# Packets that both ends received, through XDP where there is a program.
all_packets() {
	local pattern='^rx_queue_[0-9]+_xdp_packets:'
	echo $(($(driver_sum "$front" "$pattern") +
		$(driver_sum "$peer" "$pattern")))
}

# The clients' own frames that the front end's ring had no place for: all that
# were dropped on the way out, without the flood's. The flood goes on while the
# counters are read, so it comes with what that may have put in: LOST WITHIN.
ring_dropped() {
	local all flood again pattern='^tx_queue_[0-9]+_xdp_xmit_errors:'
	flood=$(driver_sum "$peer" "$pattern")
	all=$("${in_peer[@]}" awk -v dev="$peer:" \
		'$1 == dev {print $13}' /proc/net/dev)
	again=$(driver_sum "$peer" "$pattern")
	echo $((all - (flood + again) / 2)) $(((again - flood + 1) / 2))
}

# lost_between BEFORE AFTER, both of ring_dropped(): the frames lost, or "-"
# where that cannot be told from the flood's.
lost_between() {
	echo "$1 $2" | awk '{
		lost = $3 - $1; within = $2 + $4
		print (within > 20 || lost < 0) ? "-" : lost
	}'
}

# answered_by_xdp SYSTEM TX COUNT: whether TX frames that XDP sent during COUNT
# handshakes are what the system should show. It guards against figures of
# something else than the system that they stand under.
answered_by_xdp() {
	case $1 in
	handfast | hf_kernel | relay | xdp_synproxy)
		[ "$2" -ge $(($3 * 9 / 10)) ] && return
		;;
	*)
		[ "$2" = 0 ] && return
		;;
	esac
	say "$1: XDP sent $2 frames in $3 handshakes: not a figure of $1"
	return 1
}

# --------------------------------------------------------------- clients

# client SECONDS ARGS...: sets ok, failed, rate, p50, p99, max (ms, whole
# request), c50, c99 (until connected), retried and smooth99 (p99 of those that
# sent nothing twice; open loop only), client_lost (frames lost in the ring),
# cpu_client (ns), cpu_front (ns), cpu_all (ns), tx (frames that XDP sent).
client() {
	local line seconds=$1 front_before all_before lost_before tx_before
	shift
	lost_before=$(ring_dropped)
	tx_before=$(front_tx)
	front_before=$(front_cpu)
	all_before=$(machine_cpu)
	TIMEFORMAT='%U %S'
	{ time "${in_peer[@]}" "$BENCH/client" --dst $FRONT_IP --port $PORT \
		--src $PEER_IP --sources $PEERS --seconds "$seconds" "$@" \
		>"$work/client" 2>"$work/client.log"; } 2>"$work/client.time"
	cpu_all=$(($(machine_cpu) - all_before))
	cpu_front=$(($(front_cpu) - front_before))
	tx=$(($(front_tx) - tx_before))
	client_lost=$(lost_between "$lost_before" "$(ring_dropped)")
	line=$(tr -d ',;' <"$work/client")
	[ -n "$line" ] || die "the client said nothing"
	cpu_client=$(awk '{printf "%.0f", ($1 + $2) * 1e9}' "$work/client.time")
	# shellcheck disable=SC2086 # words of the line
	set -- $line
	ok=$4
	failed=$(($6 + $8 + ${10} + ${12} + ${14}))
	c50=${21} c99=${23} p50=${28} p99=${30} max=${32}
	retried=${34} smooth99=${38}
	rate=$(calc %.0f "$ok / $seconds")
}

# ---------------------------------------------------------------- floods

flood_pid=

# A sender with a rate goes before the clients, who share its CPU: a real flood
# does not wait for anybody. Without a rate it shares with them.
flood_begin() { # flood_begin RATE ARGS...: 0 for all that goes
	local rate=$1 limit=() before=()
	shift
	[ "$rate" = 0 ] || limit=(--rate "$rate")
	[ "$rate" = 0 ] || before=(chrt -f 1)
	rm -f "$work/flood.progress"
	"${in_peer[@]}" "${before[@]}" "$BENCH/synflood" --dev "$peer" \
		--dst $FRONT_IP --port $PORT "${limit[@]}" \
		--progress "$work/flood.progress" "$@" \
		>"$work/flood" 2>"$work/flood.log" &
	flood_pid=$!
	helpers+=("$flood_pid")
	local _
	for _ in $(seq 100); do
		[ "$(flood_sent)" -gt 0 ] && return
		sleep 0.02
	done
	die "the flood does not begin"
}

# CPU time that the sender has had, ns.
flood_cpu() {
	cpu_ns "$flood_pid"
}

# What it has sent so far; its file is renewed every 20 ms.
flood_sent() {
	local n
	n=$(od -An -t u8 -N 8 "$work/flood.progress" 2>/dev/null)
	echo $((n))
}

# Sets sent, sent_rate, taken (by the ring), synack, rst.
flood_end() {
	kill "$flood_pid" 2>/dev/null
	flood_wait
}

flood_wait() {
	wait "$flood_pid"
	helpers=()
	local line
	line=$(tr -d ',;:' <"$work/flood")
	[ -n "$line" ] || die "the flood said nothing"
	# shellcheck disable=SC2086 # words of the line
	set -- $line
	sent=$2 sent_rate=$6 taken=${13} synack=${15} rst=${17}
}

now_ns() {
	date +%s%N
}

# mark: begins to look at the flood; marked: sets flood_rate, that of the time
# since, in_full: whether that is what was wanted (0: all it can), and
# sender_busy, the share of a CPU that sending has taken.
mark() {
	mark_sent=$(flood_sent)
	mark_cpu=$(flood_cpu)
	mark_ns=$(now_ns)
}

marked() { # marked WANTED
	local ns
	ns=$(($(now_ns) - mark_ns))
	sender_busy=$(calc %.3f "($(flood_cpu) - $mark_cpu) / $ns")
	flood_rate=$(calc %.0f "($(flood_sent) - $mark_sent) * 1e9 / $ns")
	in_full=$(calc %d "$flood_rate >= 0.95 * $1")
}

# --------------------------------------------------------------- streams

stream_pid=

stream_begin() { # stream_begin CONNECTIONS SECONDS ARGS...
	local n=$1 seconds=$2 _
	shift 2
	rm -f "$work/tuples"
	"${in_peer[@]}" "$BENCH/stream" --dst $FRONT_IP --port $PORT --n "$n" \
		--seconds "$seconds" --tuples "$work/tuples" "$@" \
		>"$work/stream" 2>"$work/stream.log" &
	stream_pid=$!
	helpers+=("$stream_pid")
	for _ in $(seq 150); do
		[ "$(cat "$work/tuples" 2>/dev/null | wc -l)" = "$n" ] &&
			return
		sleep 0.02
	done
	die "the streams do not stand"
}

# Sets bytes, seconds, broken, idle and gbit.
stream_wait() {
	bytes=0 seconds=1 broken=64 idle=64
	wait "$stream_pid" || die "stream failed"
	helpers=()
	eval "$(tr ' ' '\n' <"$work/stream" | grep '^[a-z]*=[0-9.]*$')"
	gbit=$(calc %.3f "$bytes * 8 / 1e9 / $seconds")
}
