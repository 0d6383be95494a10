#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Floods, clients and rates: handfast and what one would use instead of it,
# by turns in the same run. Under twenty minutes.
#
#   BUILD          what `make` built (default build)
#   BENCH_PARTS    of: capacity flood others rates bulk scaling packet
#   BENCH_SYSTEMS  of: kernel0 kernel1 kernel2 synproxy xdp_synproxy handfast
#                  hf_kernel (handfast, delivery kernel) relay (the parts rates
#                  and bulk have systems of their own)
#   BENCH_ROUNDS   rounds of all systems under floods (default 1)
#   BENCH_RUNS     alternating runs of rates and bulk (default 10)
#   BENCH_QUICK=1  one round, two runs: to see that all works; no figures to
#                  be believed
#
# Every figure is a line of key=value in BUILD/bench/rows; report.awk makes
# tables of them, and bench.json; bench.svg is gnuplot's.
set -u

HERE=$(cd "$(dirname "$0")" && pwd)
work=

# shellcheck source=tests/bench/lib.sh disable=SC2154,SC2034
. "$HERE/lib.sh"
# shellcheck source=tests/bench/load.sh
. "$HERE/load.sh"
# shellcheck source=tests/bench/parts.sh
. "$HERE/parts.sh"

[ "$(id -u)" = 0 ] || { say "needs root: sudo make bench" && exit 1; }
BUILD=$(cd "${BUILD:-build}" && pwd) || exit 1
BENCH=$BUILD/tests/bench
OUT=$BUILD/bench

PARTS_ALL="capacity flood others rates bulk scaling packet"
BENCH_PARTS=${BENCH_PARTS:-$PARTS_ALL}
BENCH_SYSTEMS=${BENCH_SYSTEMS:-$SYSTEMS_ALL}

# Seconds of each measurement, and how often it is repeated.
# shellcheck disable=SC2034 # for parts.sh
if [ -n "${BENCH_QUICK:-}" ]; then
	ROUNDS=${BENCH_ROUNDS:-1} BENCH_RUNS=${BENCH_RUNS:-2}
	CAPACITY_RUNS=1 SCALING_RUNS=1 PACKET_RUNS=1
	T_PEACE=0.5 T_CAPACITY=0.5 T_OPEN=0.7 T_AT_ONCE=0.5 T_STREAM=0.7
	T_RATES=0.5 T_BULK=0.5
else
	ROUNDS=${BENCH_ROUNDS:-1} BENCH_RUNS=${BENCH_RUNS:-10}
	CAPACITY_RUNS=3 SCALING_RUNS=3 PACKET_RUNS=7
	T_PEACE=1 T_CAPACITY=1 T_OPEN=2 T_AT_ONCE=0.8 T_STREAM=1.2
	T_RATES=1.2 T_BULK=0.8
fi

cleanup() {
	trap - EXIT
	trap '' INT TERM HUP
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

progress() {
	say "$(printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60))) $*"
}

options_check() {
	local word
	for word in $BENCH_PARTS; do
		case " $PARTS_ALL " in
		*" $word "*) ;;
		*) say "no part '$word'; there are: $PARTS_ALL" && exit 2 ;;
		esac
	done
	for word in $BENCH_SYSTEMS; do
		case " $SYSTEMS_ALL " in
		*" $word "*) ;;
		*) say "no system '$word'; there are: $SYSTEMS_ALL" && exit 2 ;;
		esac
	done
}

flood_rounds() {
	local run s
	for ((run = 0; run < ROUNDS; run++)); do
		for s in $BENCH_SYSTEMS; do
			system_there "$s" 2>/dev/null || continue
			progress "floods, round $((run + 1)) of $ROUNDS: $s"
			system_start "$s"
			part_peace "$s" $run
			part_flood "$s" $run
			system_stop
		done
	done
}

other_rounds() {
	local s
	for s in $BENCH_SYSTEMS; do
		system_there "$s" 2>/dev/null || continue
		progress "other floods: $s"
		part_others "$s" 0
		part_tuples "$s" 0
	done
}

# The picture: what honest clients get out of each system, by flood.
picture() {
	local plot
	command -v gnuplot >/dev/null || {
		say "no picture: gnuplot is not installed (make deps-bench)"
		return
	}
	for plot in served rate capacity; do
		awk -v plot=$plot -f "$HERE/rows.awk" -f "$HERE/plot.awk" \
			"$OUT/rows" >"$work/$plot.dat"
	done
	[ "$(wc -l <"$work/served.dat")" -gt 1 ] || return
	gnuplot -e "dir='$work'; out='$OUT/bench.svg'" "$HERE/bench.gnuplot" ||
		say "no picture: gnuplot failed"
}

packets() {
	printf '\nPackets\n\n'
	"$BENCH/packet" --runs "$PACKET_RUNS" \
		--synproxy "$BUILD/linux-source/xdp_synproxy_kern.bpf.o" \
		--json "$OUT/packet.json" "$BUILD/handfast.bpf.o"
}

machine_row() {
	row part=machine cpus="$(nproc)" kernel="$(uname -r)" \
		model="$(awk -F': *' '/model name/ {
			gsub(/ /, "_", $2); print $2; exit}' /proc/cpuinfo)" \
		systems="${BENCH_SYSTEMS// /,}" \
		rounds="$ROUNDS" runs="$BENCH_RUNS" quick="${BENCH_QUICK:-0}"
}

# Jiffies that the hypervisor gave to others, and those that were worked.
steal() {
	awk '$1 == "cpu" {print $9, $2 + $3 + $4 + $7 + $8}' /proc/stat
}

steal_row() { # steal_row BEFORE
	row part=steal share="$(echo "$1 $(steal)" | awk '{
		taken = $3 - $1; worked = $4 - $2
		printf "%.3f", (taken > 0) ? taken / (taken + worked) : 0
	}')"
}

options_check
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
work=$(mktemp -d)
mkdir -p "$OUT"
: >"$OUT/rows"
stale_remove
machine_row
steal_before=$(steal)
for system in $BENCH_SYSTEMS haproxy; do
	system_there "$system" # says why not
done
if wanted capacity; then
	progress "capacity"
	part_capacity
fi
wanted flood && flood_rounds
wanted others && other_rounds
if wanted rates; then
	progress "connections a second, $BENCH_RUNS runs"
	part_rates
fi
if wanted bulk; then
	progress "bulk, $BENCH_RUNS runs"
	part_bulk
fi
if wanted scaling; then
	progress "scaling and memory"
	part_scaling
fi
if wanted packet; then
	progress "packets"
	packets >"$work/packets"
fi
steal_row "$steal_before"
{
	awk -v json="$OUT/bench.json" -f "$HERE/rows.awk" \
		-f "$HERE/report.awk" -f "$HERE/goals.awk" "$OUT/rows"
	cat "$work/packets" 2>/dev/null
} | tee "$OUT/bench.txt"
picture
progress "done: $OUT/bench.txt, bench.json, bench.svg"
