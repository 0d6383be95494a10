#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Floods, clients and rates: handfast and what one would use instead of it,
# one after the other in the same run. Under twenty minutes.
#
#   BUILD          what `make` built (default build)
#   BENCH_PARTS    of: peace capacity flood others rates bulk scaling packet
#   BENCH_SYSTEMS  of: kernel0 kernel1 kernel2 synproxy xdp_synproxy handfast
#                  relay
#   BENCH_RUNS     alternating runs in rates and bulk (default 10)
#
# Every figure is a line of key=value in BUILD/bench/rows; report.awk makes
# tables of them, and bench.json; bench.svg is gnuplot's.
set -u

BUILD=$(cd "${BUILD:-build}" && pwd) || exit 1
BENCH=$BUILD/tests/bench
HERE=$(cd "$(dirname "$0")" && pwd)
OUT=$BUILD/bench
BENCH_RUNS=${BENCH_RUNS:-10}
work=

# shellcheck source=tests/bench/lib.sh disable=SC2154,SC2034
. "$HERE/lib.sh"

BENCH_PARTS=${BENCH_PARTS:-peace capacity flood others rates bulk scaling packet}
BENCH_SYSTEMS=${BENCH_SYSTEMS:-$SYSTEMS_ALL}
RATES="10000 100000 300000"
SHARES="0.5 0.9 1.5"
REQUESTS=1000 # a second, of the open-loop client

helpers=() # processes at the peer that are still running

cleanup() {
	trap - EXIT
	trap '' INT TERM
	local pid
	for pid in "${helpers[@]}"; do
		end_process "$pid"
	done
	system_stop
	rm -rf "$work"
}

wanted() {
	case " $BENCH_PARTS " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# row KEY=VALUE...: one measured thing.
row() {
	echo "$*" >>"$OUT/rows"
}

# --------------------------------------------------------- load programs

# client SECONDS ARGS...: sets ok, failed, rate, p50, p99, max (ms, whole request),
# c50, c99 (until connected), cpu_client (ns).
client() {
	local line begin=$1
	shift
	TIMEFORMAT='%U %S'
	{ time "${in_peer[@]}" "$BENCH/client" --dst $FRONT_IP --port $PORT \
		--src $PEER_IP --sources $PEERS --seconds "$begin" "$@" \
		>"$work/client" 2>"$work/client.log"; } 2>"$work/client.time"
	line=$(cat "$work/client")
	[ -n "$line" ] || die "the client said nothing"
	cpu_client=$(awk '{printf "%.0f", ($1 + $2) * 1e9}' "$work/client.time")
	# shellcheck disable=SC2086 # words of the line
	set -- $line
	ok=$4
	failed=$(($6 + $8 + ${10} + ${12} + ${14}))
	c50=${21} c99=${23} p50=${28} p99=${30} max=${32}
	rate=$(awk "BEGIN {printf \"%.0f\", $ok / $begin}")
}

flood_pid=
flood_begin() {
	"${in_peer[@]}" "$BENCH/synflood" --dev "$peer" --dst $FRONT_IP \
		--port $PORT "$@" >"$work/flood" 2>"$work/flood.log" &
	flood_pid=$!
	helpers+=("$flood_pid")
}

# Sets sent, sent_rate, taken, synack.
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
	sent=$2 sent_rate=$6 taken=${13} synack=${15}
}

front_cpu() {
	cpu_ns "$front_napi" "${front_pids[@]}"
}

per() { # per VALUE COUNT
	awk "BEGIN {printf \"%.0f\", ($2 > 0) ? $1 / $2 : 0}"
}

# ----------------------------------------------------------------- parts

part_peace() {
	local n before
	for n in 1 32 512; do
		before=$(front_cpu)
		client 2 --at-once $n
		row part=peace system="$1" at_once=$n rate="$rate" \
			failed="$failed" connect_p50="$c50" connect_p99="$c99" \
			p50="$p50" p99="$p99" max="$max" \
			cpu_front_ns="$(per $(($(front_cpu) - before)) "$ok")" \
			cpu_client_ns="$(per "$cpu_client" "$ok")"
	done
}

# Sets capacity: SYN-ACKs a second, of a flood that leaves nothing out.
part_capacity() {
	local before best=0 cpu i
	for i in 1 2 3; do
		before=$(cpu_ns "$front_napi")
		flood_begin --seconds 2
		flood_wait
		cpu=$(($(cpu_ns "$front_napi") - before))
		row part=capacity system="$1" run=$i sent="$sent_rate" \
			synack_rate=$((synack / 2)) \
			cpu_ns="$(per $cpu "$synack")"
		[ $((synack / 2)) -gt $best ] && best=$((synack / 2))
	done
	capacity=$best
}

# flood_cell SYSTEM LABEL RATE SECONDS_OF_FLOOD KIND: clients in a flood.
flood_cell() {
	local system=$1 label=$2 want=$3 kind=$4 void=0
	flood_begin --rate "$want" --seconds 30 --kind "$kind"
	sleep 0.3
	client 2 --rate $REQUESTS
	local served=$ok lost=$failed s50=$p50 s99=$p99 smax=$max
	client 2 --at-once 32
	flood_end
	awk "BEGIN {exit !($sent_rate < 0.95 * $want)}" && void=1
	row part=flood system="$system" kind="$kind" label="$label" \
		flood_rate="$want" delivered="$sent_rate" void=$void \
		ring_lost="$(awk "BEGIN {printf \"%.4f\", \
			($sent - $taken) / $sent}")" \
		ok="$served" failed="$lost" \
		served="$(awk "BEGIN {printf \"%.1f\", \
			100 * $served / ($served + $lost)}")" \
		p50="$s50" p99="$s99" max="$smax" rate="$rate" \
		rate_failed="$failed"
}

part_flood() {
	local r share
	for r in $RATES; do
		flood_cell "$1" "$r" "$r" syn
	done
	[ "${capacity:-0}" -gt 0 ] || return 0
	for share in $SHARES; do
		r=$(awk "BEGIN {printf \"%.0f\", $share * $capacity}")
		flood_cell "$1" "x$share" "$r" syn
	done
}

# Transfers go on while segments are forged for them.
tuples_cell() {
	local system=$1 kind=$2 before bytes broken idle seconds
	"${in_peer[@]}" "$BENCH/stream" --dst $FRONT_IP --port $PORT --n 64 \
		--seconds 3 --tuples "$work/tuples" >"$work/stream" \
		2>"$work/stream.log" &
	helpers+=($!)
	local stream=$!
	sleep 0.5
	if [ "$kind" != none ]; then
		flood_begin --rate 100000 --seconds 2 --kind "$kind" \
			--tuples "$work/tuples" --dmac "$(mac "$front" "$front")"
		wait "$flood_pid"
	fi
	wait $stream
	helpers=()
	eval "$(tr ' ' '\n' <"$work/stream" | grep '^[a-z]*=[0-9.]*$')"
	row part=tuples system="$system" kind="$kind" \
		gbit="$(awk "BEGIN {printf \"%.2f\", \
			${bytes:-0} * 8 / 1e9 / ${seconds:-1}}")" \
		broken="${broken:-64}" idle="${idle:-64}"
}

part_others() {
	flood_cell "$1" bare_SYN 100000 syn-bare
	flood_cell "$1" ACK 100000 ack
	flood_cell "$1" SYN_and_ACK 100000 syn,ack
	flood_cell "$1" all_kinds 100000 syn,syn-bare,ack,rst
	# Handshakes of real addresses, and then silence.
	"${in_peer[@]}" "$BENCH/client" --dst $FRONT_IP --port $PORT \
		--at-once 1500 --seconds 3 --request '' --timeout 2 \
		>"$work/silent" 2>&1 &
	local silent=$!
	helpers+=("$silent")
	sleep 0.5
	client 2 --rate $REQUESTS
	row part=silent system="$1" ok="$ok" failed="$failed" p50="$p50" \
		p99="$p99"
	wait "$silent"
	helpers=()
}

# Established connections need a server that streams.
part_tuples() {
	server_options=(--stream)
	system_start "$1"
	server_options=()
	tuples_cell "$1" none
	tuples_cell "$1" ack
	tuples_cell "$1" syn
	tuples_cell "$1" rst
	system_stop
}

# Connections a second, the kernel's own listener and handfast by turns.
part_rates() {
	local i s before
	for ((i = 0; i < BENCH_RUNS; i++)); do
		for s in kernel1 handfast relay haproxy; do
			system_there $s 2>/dev/null || continue
			system_start $s
			client 0.5 --at-once 32
			before=$(front_cpu)
			client 2 --at-once 32
			row part=rates system=$s run=$i rate="$rate" \
				failed="$failed" p50="$p50" p99="$p99" \
				cpu_front_ns="$(per \
					$(($(front_cpu) - before)) "$ok")"
			system_stop
		done
	done
}

front_packets() {
	nsenter "--net=/run/netns/$front" ethtool -S "$front" |
		awk '/rx_queue_[0-9]+_xdp_packets/ {s += $2} END {print s + 0}'
}

bulk_cell() { # SYSTEM RUN DIRECTION
	local cpu packets bytes=0 seconds=1
	cpu=$(cpu_ns "$front_napi")
	packets=$(front_packets)
	"${in_peer[@]}" "$BENCH/stream" --dst $FRONT_IP --port $PORT --n 4 \
		--seconds 2 $3 >"$work/stream" || die "stream failed"
	eval "$(tr ' ' '\n' <"$work/stream" | grep '^[a-z]*=[0-9.]*$')"
	row part=bulk system="$1" run="$2" direction="${3:-send}" \
		gbit="$(awk "BEGIN {printf \"%.2f\", \
			$bytes * 8 / 1e9 / $seconds}")" \
		cpu_packet_ns="$(per $(($(cpu_ns "$front_napi") - cpu)) \
			$(($(front_packets) - packets)))"
}

part_bulk() {
	local i s
	for ((i = 0; i < BENCH_RUNS; i++)); do
		for s in pass handfast; do
			server_options=(--stream)
			system_start $s
			server_options=()
			[ $s = pass ] && let_pass "$front"
			bulk_cell $s "$i" ""
			bulk_cell $s "$i" --receive
			system_stop
		done
	done
}

# scaling_cell WHAT N OPTION: ns of a SYN and of an established segment, net.
# The half-open requests are there only in cases that want some, and a full
# table takes no more.
scaling_cell() {
	local cases=syn_cookie,syn_state,established_pass
	[ "$1" = half_open ] && cases=${cases}_open
	[ "$1 $2" = "half_open 49152" ] && cases=${cases/syn_state,/}
	"$BENCH/packet" --runs 5 --case $cases "$3" "$2" \
		--json "$work/scaling.json" "$BUILD/handfast.bpf.o" \
		>"$work/scaling.log" 2>&1 || die "packet failed"
	awk -F'[":, {}]+' '/"case"/ && !/null/ {ns[$3] = $5}
		END {
			for (c in ns) {
				h = c ~ /_random$/ ? "harness_random" : "harness"
				if (c !~ /^harness/)
					printf "%s %.0f\n", c, ns[c] - ns[h]
			}
		}' "$work/scaling.json" | while read -r name ns; do
		row part=scaling what="$1" n="$2" case="${name/_open/}" ns="$ns"
	done
}

part_scaling() {
	local n
	for n in 1 10 100 1000; do
		scaling_cell listeners $n --listeners
	done
	for n in 0 16384 32768 49152; do # of HF_HALF_OPEN_MAX
		scaling_cell half_open $n --half-open
	done
	for n in 1 10000 100000; do
		scaling_cell established $n --established
	done
	memory_row
}

# Bytes: syn_table is preallocated; a waiting connection is a kernel socket,
# here one that an accept queue holds, with the slab's own share.
memory_row() {
	local entry free0 free1
	system_start handfast
	entry=$("${in_front[@]}" bpftool -j map show pinned "$bpffs/syn_table" |
		awk -F'[:,{}]' '{for (i = 1; i < NF; i++) {
			if ($i == "\"bytes_memlock\"") b = $(i + 1)
			if ($i == "\"max_entries\"") n = $(i + 1)}}
			END {printf "%.0f", (n > 0) ? b / n : 0}')
	system_stop
	free0=$(awk '/^Slab/ {print $2}' /proc/meminfo)
	"$BENCH/packet" --runs 1 --case none --established 20000 \
		"$BUILD/handfast.bpf.o" >/dev/null 2>"$work/memory.log" &
	local pid=$! slab=0 now
	while kill -0 $pid 2>/dev/null; do
		now=$(awk '/^Slab/ {print $2}' /proc/meminfo)
		[ "$now" -gt "$slab" ] && slab=$now
		sleep 0.05
	done
	wait $pid
	free1=$slab
	row part=memory half_open_bytes="$entry" \
		connection_bytes=$(((free1 - free0) * 1024 / 20000))
}

# The picture: what honest clients get out of each system, by flood.
picture() {
	local metric
	command -v gnuplot >/dev/null || {
		say "no picture: gnuplot is not installed (make deps-bench)"
		return
	}
	for metric in served rate; do
		awk -v plot=$metric -f "$HERE/report.awk" "$OUT/rows" \
			>"$work/$metric.dat"
	done
	[ -s "$work/served.dat" ] || return
	gnuplot -e "dir='$work'; out='$OUT/bench.svg'" "$HERE/bench.gnuplot" ||
		say "no picture: gnuplot failed"
}

# ------------------------------------------------------------------ main

run_systems() {
	local s part
	for part in peace capacity flood others none; do
		wanted $part && break
	done
	[ $part = none ] && return
	for s in $BENCH_SYSTEMS; do
		system_there "$s" || continue
		say "$s"
		capacity=0
		system_start "$s"
		wanted peace && part_peace "$s"
		if wanted capacity || wanted flood; then
			[ "$s" = kernel0 ] || part_capacity "$s"
		fi
		wanted flood && part_flood "$s"
		wanted others && part_others "$s"
		system_stop
		wanted others && part_tuples "$s"
	done
}

trap cleanup EXIT
trap 'exit 130' INT TERM HUP
[ "$(id -u)" = 0 ] || { say "needs root: sudo make bench" && exit 1; }
work=$(mktemp -d)
mkdir -p "$OUT"
: >"$OUT/rows"
row part=machine cpus="$(nproc)" kernel="$(uname -r)" \
	model="$(awk -F': *' '/model name/ {gsub(/ /, "_", $2); print $2; exit}' \
		/proc/cpuinfo)"
run_systems
if wanted rates; then
	say "rates"
	part_rates
fi
if wanted bulk; then
	say "bulk"
	part_bulk
fi
if wanted scaling; then
	say "scaling"
	part_scaling
fi
awk -v json="$OUT/bench.json" -f "$HERE/report.awk" "$OUT/rows" |
	tee "$OUT/bench.txt"
picture
if wanted packet; then
	printf '\nPackets\n\n'
	"$BENCH/packet" --synproxy "$BUILD/linux-source/xdp_synproxy_kern.bpf.o" \
		--json "$OUT/packet.json" "$BUILD/handfast.bpf.o" |
		tee -a "$OUT/bench.txt"
fi
