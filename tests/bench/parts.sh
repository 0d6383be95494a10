# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # variables of load.sh and lib.sh
#
# What is measured. Each function measures one system, or all of them by turns,
# and writes rows. Sourced.

RATES="10000 100000 300000"
SHARES="0.5 0.9 1.5"
REQUESTS=1000 # a second, of the open-loop client
OTHER_RATE=100000

# row KEY=VALUE...: one measured thing.
row() {
	echo "$*" >>"$OUT/rows"
}

# --------------------------------------------------- no flood, at once

part_peace() { # SYSTEM RUN
	local n void
	for n in 1 32 512; do
		client "$T_PEACE" --at-once $n
		void=0
		answered_by_xdp "$1" "$tx" "$ok" || void=1
		row part=peace system="$1" run="$2" at_once=$n void=$void \
			rate="$rate" failed="$failed" \
			connect_p50="$c50" connect_p99="$c99" \
			p50="$p50" p99="$p99" max="$max" \
			cpu_front_ns="$(per "$cpu_front" "$ok")" \
			cpu_client_ns="$(per "$cpu_client" "$ok")" \
			cpu_all_ns="$(per "$cpu_all" "$ok")"
	done
}

# -------------------------------------------------------------- capacity

# A flood without a rate; the receive work of the peer is apart, so that this is
# what the system itself costs.
capacity_cell() { # SYSTEM RUN
	local cpu tx void=0
	system_start "$1"
	flood_begin 0 --seconds 0.3 # fills what fills up
	flood_wait
	peer_apart
	cpu=$(cpu_ns "$front_napi")
	tx=$(front_tx)
	flood_begin 0 --seconds "$T_CAPACITY"
	flood_wait
	cpu=$(($(cpu_ns "$front_napi") - cpu))
	tx=$(($(front_tx) - tx))
	# Some answers are sent again by a timer.
	[ "$synack" -gt "$taken" ] && synack=$taken
	answered_by_xdp "$1" $tx "$synack" || void=1
	row part=capacity system="$1" run="$2" void=$void sent="$sent_rate" \
		ring_lost="$(calc %.4f "($sent - $taken) / $sent")" \
		busy="$(calc %.3f "$cpu / 1e9 / $T_CAPACITY")" \
		cpu_ns="$(per $cpu "$synack")" \
		synack_rate="$(calc %.0f "$synack / $T_CAPACITY")"
	system_stop
}

part_capacity() {
	local i s
	for ((i = 0; i < CAPACITY_RUNS; i++)); do
		for s in $BENCH_SYSTEMS; do
			case $s in
			# No cookies; as handfast.
			kernel0 | hf_kernel | relay) continue ;;
			esac
			system_there "$s" 2>/dev/null && capacity_cell "$s" $i
		done
	done
}

# -------------------------------------------------- clients in a flood

# Requests at a rate. Leaves client()'s variables, void and in_full.
open_loop() { # SYSTEM LABEL RUN WANTED KIND
	void=0 flood_rate=0 in_full=1
	[ "$4" = none ] || mark
	client "$T_OPEN" --rate $REQUESTS
	[ "$4" = none ] || marked "$4"
	[ "$in_full" = 1 ] || void=1
	answered_by_xdp "$1" "$tx" "$ok" || void=1
	row part=served system="$1" label="$2" run="$3" kind="$5" \
		void=$void wanted="$4" delivered="$flood_rate" \
		ok="$ok" failed="$failed" \
		served="$(calc %.2f "100 * $ok / ($ok + $failed)")" \
		p50="$p50" p99="$p99" max="$max" retried="$retried" \
		smooth_p99="$smooth99" client_lost="$client_lost"
}

# Sets own: SYN-ACKs a second with the work of both ends on CPU_FRONT. Shares
# of it are sent at once: the machine's speed changes within seconds.
own_capacity() {
	flood_begin 0 --seconds 0.5
	flood_wait
	own=$(calc %.0f "2 * $synack")
}

# One flood, clients at a rate and then many at once. What those do without a
# flood is measured just before the flood that it is compared with.
flood_cell() { # SYSTEM LABEL RUN RATE
	local void flood_rate in_full sender_busy peace=-
	if [ "$2" = 300000 ]; then
		client "$T_AT_ONCE" --at-once 32
		peace=$rate
	fi
	flood_begin "$4" --seconds 30 --kind syn
	open_loop "$1" "$2" "$3" "$4" syn
	mark
	client "$T_AT_ONCE" --at-once 32
	marked "$4"
	flood_end
	row part=in_flood system="$1" label="$2" run="$3" wanted="$4" \
		void=$((1 - in_full)) delivered="$flood_rate" rate="$rate" \
		failed="$failed" p50="$p50" p99="$p99" \
		sender_busy="$sender_busy" peace_rate="$peace"
	row part=flood system="$1" label="$2" run="$3" wanted="$4" \
		delivered="$sent_rate" \
		ring_lost="$(calc %.4f "($sent - $taken) / $sent")"
}

part_flood() { # SYSTEM RUN
	local r share own void flood_rate in_full sender_busy
	open_loop "$1" none "$2" none none
	for r in $RATES; do
		# Without cookies nothing is left to be seen above.
		[ "$1 $r" = "kernel0 300000" ] && return 0
		flood_cell "$1" "$r" "$2" "$r"
	done
	for share in $SHARES; do
		own_capacity
		flood_cell "$1" "x$share" "$2" "$(calc %.0f "$share * $own")"
	done
	# More than any can take.
	flood_cell "$1" full "$2" 0
}

# ---------------------------------------------------------- other floods

other_cell() { # SYSTEM LABEL RUN KINDS
	local void flood_rate in_full sender_busy
	flood_begin $OTHER_RATE --seconds 30 --kind "$4"
	open_loop "$1" "$2" "$3" $OTHER_RATE "$4"
	flood_end
}

# Handshakes of real addresses, and then silence.
silent_cell() { # SYSTEM RUN
	local silent void flood_rate in_full sender_busy
	"${in_peer[@]}" "$BENCH/client" --dst $FRONT_IP --port $PORT \
		--at-once 1500 --seconds "$T_OPEN" --request '' --timeout 2 \
		>"$work/silent" 2>&1 &
	silent=$!
	helpers+=("$silent")
	sleep 0.3
	open_loop "$1" silent "$2" none silent
	wait "$silent"
	helpers=()
}

part_others() { # SYSTEM RUN
	system_start "$1"
	other_cell "$1" ACK "$2" ack
	silent_cell "$1" "$2"
	other_cell "$1" bare_SYN "$2" syn-bare # from here on with cookies
	other_cell "$1" ACK_cookies "$2" ack
	other_cell "$1" all_kinds "$2" syn,syn-bare,ack,rst
	system_stop
}

# What a flood on idle connections' tuples takes, as a share of all CPUs, as both
# ends of the transfers are on them: the front end's receive work and the
# sender's own.
tuples_cost() { # KIND
	local cpu sender
	cpu=$(cpu_ns "$front_napi")
	flood_begin $OTHER_RATE --seconds 20 --kind "$1" \
		--tuples "$work/tuples" --dmac "$(mac "$front" "$front")"
	sleep 0.7
	sender=$(cpu_ns "$flood_pid")
	flood_end
	calc %.3f "($(cpu_ns "$front_napi") - $cpu + $sender) / \
		($sent * 1e9 / $OTHER_RATE * $(nproc))"
}

# Transfers go on while segments are forged for them.
tuples_cell() { # SYSTEM LABEL RUN KIND
	local share=0 void=0
	if [ "$4" != none ]; then
		stream_begin 64 1.3 --idle
		share=$(tuples_cost "$4")
		stream_wait
	fi
	stream_begin 64 "$T_STREAM"
	if [ "$4" != none ]; then
		flood_begin $OTHER_RATE --seconds 20 --kind "$4" \
			--tuples "$work/tuples" --dmac "$(mac "$front" "$front")"
		stream_wait
		flood_end
		[ "$(calc %d "$sent_rate >= 0.95 * $OTHER_RATE")" = 1 ] || void=1
	else
		stream_wait
	fi
	row part=tuples system="$1" label="$2" run="$3" kind="$4" void=$void \
		gbit="$gbit" broken="$broken" idle="$idle" flood_cpu="$share"
}

part_tuples() { # SYSTEM RUN
	server_options=(--stream)
	system_start "$1"
	server_options=()
	tuples_cell "$1" none "$2" none
	tuples_cell "$1" ACK "$2" ack
	tuples_cell "$1" SYN "$2" syn
	tuples_cell "$1" RST "$2" rst
	flood_begin 200000 --seconds 0.5 --kind syn # then with cookies
	flood_wait
	tuples_cell "$1" ACK_cookies "$2" ack
	system_stop
}

# ------------------------------------------------------ connections/s

# Short requests, 32 at once, one system after the other.
part_rates() {
	local i s void
	for ((i = 0; i < BENCH_RUNS; i++)); do
		for s in kernel1 handfast hf_kernel relay haproxy; do
			system_there $s 2>/dev/null || continue
			system_start $s
			client 0.3 --at-once 32
			client "$T_RATES" --at-once 32
			void=0
			answered_by_xdp $s "$tx" "$ok" || void=1
			row part=rates system=$s run=$i void=$void \
				rate="$rate" failed="$failed" p50="$p50" \
				p99="$p99" \
				cpu_front_ns="$(per "$cpu_front" "$ok")" \
				cpu_all_ns="$(per "$cpu_all" "$ok")"
			system_stop
		done
	done
}

# ------------------------------------------------------------------ bulk

# The receive work only: what a program before the stack can change, by packets
# of both directions. Any XDP program on a veth costs its peer the segmentation
# offload, so each system has one here.
bulk_cell() { # SYSTEM RUN DIRECTION
	local cpu packets option=()
	[ "$3" = from ] && option=(--receive)
	cpu=$(cpu_ns "$front_napi")
	packets=$(all_packets)
	stream_begin 4 "$T_BULK" "${option[@]}"
	stream_wait
	cpu=$(($(cpu_ns "$front_napi") - cpu))
	packets=$(($(all_packets) - packets))
	row part=bulk system="$1" run="$2" direction="$3" gbit="$gbit" \
		packets=$packets cpu_packet_ns="$(per $cpu $packets)"
}

part_bulk() {
	local i s
	for ((i = 0; i < BENCH_RUNS; i++)); do
		for s in pass handfast relay haproxy; do
			system_there $s 2>/dev/null || continue
			server_options=(--stream)
			system_start $s
			server_options=()
			case $s in
			pass | haproxy) let_pass "$front" ;;
			esac
			bulk_cell $s "$i" to
			bulk_cell $s "$i" from
			system_stop
		done
	done
}

# --------------------------------------------------------------- scaling

# ns of a SYN and of an established segment, net. The half-open requests are
# there only in cases that want some, and a full table takes no more.
scaling_cell() { # WHAT N OPTION
	local cases=syn_cookie,syn_state,established_pass
	[ "$1" = half_open ] && cases=${cases}_open
	[ "$1 $2" = "half_open 49152" ] && cases=${cases/syn_state,/}
	"$BENCH/packet" --runs "$SCALING_RUNS" --case $cases "$3" "$2" \
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
	for n in 0 1 2; do
		memory_row kernel1 $n
		memory_row handfast $n
	done
}

# kB of the kernel's objects and of the system's programs, once what earlier
# namespaces held has been given back.
memory_kb() {
	local pid files=()
	for pid in "${front_pids[@]}"; do
		files+=(/proc/"$pid"/status)
	done
	awk '/^(Slab|VmRSS):/ {kb += $2} END {print kb}' /proc/meminfo \
		"${files[@]}"
}

memory_settled() {
	local last=0 now _
	for _ in $(seq 20); do
		now=$(memory_kb)
		[ $(((now - last) * (now - last))) -le 40000 ] && break
		last=$now
		sleep 0.3
	done
	echo "$now"
}

# Bytes of a half-open request, and of a connection that waits to be accepted:
# both of its ends, which are on this machine, and what the programs hold.
memory_row() { # SYSTEM RUN
	local n=4000 half_open before waiting held void=0
	system_start "$1"
	if [ "$1" = handfast ]; then
		half_open=$("${in_front[@]}" bpftool -j map show pinned \
			"$bpffs/syn_table" | awk -F'[:,{}]' '{
				for (i = 1; i < NF; i++) {
					if ($i == "\"bytes_memlock\"")
						b = $(i + 1)
					if ($i == "\"max_entries\"")
						n = $(i + 1)
				}}
				END {printf "%.0f", (n > 0) ? b / n : 0}')
	else
		half_open=$(awk '$1 == "request_sock_TCP" {print $4}' \
			/proc/slabinfo)
	fi
	kill -STOP "$server_pid"
	before=$(memory_settled)
	"${in_peer[@]}" "$BENCH/client" --dst $FRONT_IP --port $PORT \
		--at-once $n --seconds 1.5 --timeout 3 --request '' \
		>"$work/memory" 2>&1 &
	helpers+=($!)
	sleep 1
	waiting=$(established)
	held=$((($(memory_kb) - before) * 1024))
	# Less than the two sockets themselves is no figure.
	[ "$waiting" -gt 0 ] && [ $((held / waiting)) -ge 2000 ] || void=1
	row part=memory system="$1" run="$2" void=$void \
		half_open_bytes="${half_open:-0}" waiting="$waiting" \
		connection_bytes="$(per $held "$waiting")"
	kill -CONT "$server_pid"
	wait "${helpers[-1]}"
	helpers=()
	system_stop
}
