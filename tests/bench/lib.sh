# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The bench's network and the systems that are compared in it. Sourced.
#
#   peer (flood and clients) === front (the system, its server)
#
# One veth for both: with a veth each, clients would not compete with the
# flood for a place in the receive ring, which flatters a system that is
# saturated. Front's receive work has a NAPI thread of its own on CPU_FRONT,
# whose time can be read, and which goes before any program, as softirq would.
# That thread also does the peer's receive work, which drops the SYN-ACKs that
# nobody waits for, unless peer_apart() moves it to CPU_PEER. The flood's
# sender and the clients run on CPU_PEER, server, daemon and relay where the
# scheduler puts them. Clients that may go to CPU_FRONT do worse, as the NAPI
# thread goes before them there.

FRONT_IP=10.77.0.1
PEER_IP=10.77.0.2 # the first of PEERS
PEERS=16
PORT=80
UPSTREAM=8080
CPU_FRONT=0
CPU_PEER=$(($(nproc) - 1))

say() {
	echo "bench: $*" >&2
}

die() {
	say "$*"
	local log
	# shellcheck disable=SC2154 # of who sources this
	for log in "$work"/*.log; do
		[ -s "$log" ] || continue
		echo "--- ${log##*/}" >&2
		tail -n 10 "$log" >&2
	done
	exit 1
}

end_process() {
	kill "$1" 2>/dev/null
	for _ in $(seq 100); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.05
	done
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# --------------------------------------------------------------- network

mac() {
	ip -n "$1" -br link show "$2" | awk '{print $3}'
}

# The pid of the NAPI thread of a device.
napi_thread() {
	ps -eo pid,comm | awk -v want="napi/$1-" \
		'index(want, $2) == 1 || index($2, want) == 1 {print $1; exit}'
}

napi_threaded() {
	ip netns exec "$1" sh -c "echo 1 >/sys/class/net/$1/threaded" ||
		die "no threaded NAPI on $1"
}

napi_pin() { # DEVICE CPU
	local thread
	thread=$(napi_thread "$1")
	[ -n "$thread" ] || die "no NAPI thread for $1"
	taskset -p -c "$2" "$thread" >/dev/null
	[ $CPU_FRONT = "$CPU_PEER" ] || chrt -f -p 1 "$thread"
}

# The receive work of the peer is no cost of the system that is measured. With
# clients it would cost both of them a change of CPU for each packet.
peer_apart() {
	napi_threaded "$peer"
	napi_pin "$peer" "$CPU_PEER"
}

net_make() {
	peer=hfb$$p
	front=hfb$$f
	in_peer=(nsenter "--net=/run/netns/$peer" taskset -c "$CPU_PEER")
	in_front=(nsenter "--net=/run/netns/$front")
	ip netns add "$peer" && ip netns add "$front" || die "no namespaces"
	ip -n "$peer" link add name "$peer" type veth \
		peer name "$front" netns "$front" || die "no veth"
	local ns
	# GRO on both before one is up: else no frame is redirected into them.
	for ns in "$peer" "$front"; do
		nsenter "--net=/run/netns/$ns" ethtool -K "$ns" gro on tx off \
			rxvlan off txvlan off >/dev/null 2>&1
	done
	for ns in "$peer" "$front"; do
		ip -n "$ns" link set lo up
		ip -n "$ns" link set "$ns" up
	done
	napi_threaded "$front"
	let_pass "$peer"
	net_addresses
	napi_pin "$front" $CPU_FRONT
	front_napi=$(napi_thread "$front")
}

# Frames that XDP_TX sends to the other end of a veth wait in its ring until
# something else wakes it, unless there is an XDP program too (6.18).
let_pass() {
	ip -n "$1" link set dev "$1" xdpdrv \
		obj "$BUILD/tests/tools/pass.bpf.o" sec xdp.frags ||
		die "no XDP program on $1"
}

net_addresses() {
	local i
	ip -n "$front" addr add $FRONT_IP/16 dev "$front"
	for ((i = 0; i < PEERS; i++)); do
		ip -n "$peer" addr add "10.77.0.$((2 + i))/16" dev "$peer"
		ip -n "$front" neigh replace "10.77.0.$((2 + i))" \
			lladdr "$(mac "$peer" "$peer")" dev "$front"
	done
	ip -n "$peer" neigh replace $FRONT_IP \
		lladdr "$(mac "$front" "$front")" dev "$peer"
	ip -n "$front" route add 198.18.0.0/15 via $PEER_IP
	# Clients are strangers: without cookies Linux keeps a quarter of the
	# backlog for addresses that connected before (tcp_peer_is_proven()), which
	# so few of them soon have all.
	front_sysctl net.ipv4.tcp_no_metrics_save 1
	front_sysctl net.ipv4.tcp_max_tw_buckets 20000
	front_sysctl net.ipv4.tcp_max_syn_backlog 4096
	front_sysctl net.core.somaxconn 4096
	"${in_peer[@]}" sh -c \
		'echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range'
}

front_sysctl() {
	"${in_front[@]}" sh -c "echo $2 >/proc/sys/$(echo "$1" | tr . /)" ||
		die "sysctl $1"
}

net_remove() {
	[ -n "${front:-}" ] || return 0
	ip netns del "$peer" 2>/dev/null
	ip netns del "$front" 2>/dev/null
	front=
}

# What a run left behind that was killed beyond its own trap.
stale_remove() {
	local ns pid
	for ns in $(ip netns list | awk '/^hfb[0-9]+[pf]( |$)/ {print $1}'); do
		pid=${ns#hfb}
		kill -0 "${pid%[pf]}" 2>/dev/null && continue
		for pid in $(ip netns pids "$ns"); do
			end_process "$pid"
		done
		ip netns del "$ns"
		rm -rf "/sys/fs/bpf/$ns"
	done
}

# --------------------------------------------------------------- systems

# shellcheck disable=SC2034 # for who sources this
SYSTEMS_ALL="kernel0 kernel1 kernel2 synproxy xdp_synproxy handfast hf_kernel relay"

# Whether a system can be had on this machine; says why not.
system_there() {
	case $1 in
	xdp_synproxy)
		[ -e "$BUILD/linux-source/xdp_synproxy" ] && return
		say "xdp_synproxy: skipped, not built (make deps-bench)"
		return 1
		;;
	hf_kernel)
		grep -qw bpf_sk_assign_tcp_reqsk /proc/kallsyms && return
		say "hf_kernel: skipped, needs Linux 6.9"
		return 1
		;;
	haproxy)
		command -v haproxy >/dev/null && return
		say "haproxy: skipped, not installed (make deps-bench)"
		return 1
		;;
	esac
}

# All that a system runs; their CPU time counts as the front end's.
front_pids=()

front_run() {
	local log=$1
	shift
	"${in_front[@]}" "$@" >"$work/$log.log" 2>&1 &
	front_pids+=($!)
}

server_options=() # --stream, for what wants it

server_start() {
	front_run server "$BENCH/server" --listen 0.0.0.0 \
		"${server_options[@]}" "$@"
	server_pid=${front_pids[-1]}
}

synproxy_rules() {
	front_sysctl net.ipv4.tcp_syncookies 2
	front_sysctl net.netfilter.nf_conntrack_tcp_loose 0
	"${in_front[@]}" nft -f - <<-NFT || die "no nft synproxy"
		table ip bench {
			chain raw {
				type filter hook prerouting priority raw;
				tcp dport $PORT tcp flags syn notrack
			}
			chain in {
				type filter hook input priority filter;
				tcp dport $PORT ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm
				ct state invalid drop
			}
		}
	NFT
}

handfast_start() {
	bpffs=/sys/fs/bpf/$front
	export HANDFAST_SOCKET=$work/control.sock
	rm -f "$HANDFAST_SOCKET"
	front_run handfastd "$BUILD/handfastd" --bpffs "$bpffs" \
		--socket "$HANDFAST_SOCKET"
	for _ in $(seq 100); do
		[ -S "$HANDFAST_SOCKET" ] && break
		sleep 0.05
	done
	"${in_front[@]}" "$BUILD/handfast" attach "$front" --bpffs "$bpffs" \
		--socket "$HANDFAST_SOCKET" >"$work/attach.log" 2>&1 ||
		die "handfast attach failed"
}

system_setup() {
	case $1 in
	kernel[012])
		front_sysctl net.ipv4.tcp_syncookies "${1#kernel}"
		server_start --port $PORT
		;;
	synproxy)
		synproxy_rules
		server_start --port $PORT
		;;
	xdp_synproxy)
		synproxy_rules
		server_start --port $PORT
		front_run xdp_synproxy "$BUILD/linux-source/xdp_synproxy" \
			--iface "$front" --ports $PORT --mss4 1460 \
			--mss6 1440 --wscale 7 --ttl 64
		;;
	handfast)
		handfast_start
		server_start --handfast --port $PORT
		;;
	hf_kernel)
		handfast_start
		server_start --handfast --delivery-kernel --port $PORT
		;;
	relay)
		handfast_start
		server_start --port $UPSTREAM
		front_run relay "$BUILD/handfast-relay" \
			--listen $FRONT_IP:$PORT --upstream 127.0.0.1:$UPSTREAM
		;;
	haproxy)
		server_start --port $UPSTREAM
		haproxy_start
		;;
	pass)
		server_start --port $PORT
		;;
	esac
}

haproxy_start() {
	cat >"$work/haproxy.cfg" <<-CFG
		global
			nbthread 1
			maxconn 9000
		defaults
			mode tcp
			timeout connect 3s
			timeout client 10s
			timeout server 10s
		frontend f
			bind $FRONT_IP:$PORT backlog 4096
			default_backend b
		backend b
			server s 127.0.0.1:$UPSTREAM
	CFG
	front_run haproxy haproxy -f "$work/haproxy.cfg" -db
}

system_answers() {
	if [ ${#server_options[@]} != 0 ]; then
		"${in_peer[@]}" "$BENCH/stream" --dst $FRONT_IP --port $PORT \
			--seconds 0.01 >/dev/null 2>&1
		return
	fi
	"${in_peer[@]}" "$BENCH/client" --dst $FRONT_IP --port $PORT \
		--seconds 0.01 --timeout 0.5 | grep -q ' ok [1-9]'
}

# Fresh namespaces each time: nothing half-open, no TIME_WAIT, no conntrack.
system_start() {
	net_make
	system_setup "$1"
	for _ in $(seq 60); do
		sleep 0.05
		system_answers && return
	done
	die "$1 does not serve"
}

system_stop() {
	local i
	for ((i = ${#front_pids[@]} - 1; i >= 0; i--)); do
		end_process "${front_pids[i]}"
	done
	front_pids=()
	net_remove
	[ -n "${bpffs:-}" ] && rm -rf "$bpffs"
	bpffs=
}

# Connections that stand at the front end's port.
established() {
	"${in_front[@]}" ss -Htn state established "sport = :$PORT" | wc -l
}

# Nanoseconds of CPU that processes, with all their threads, have had.
cpu_ns() {
	local pid files=()
	for pid in "$@"; do
		files+=(/proc/"$pid"/task/*/schedstat)
	done
	cat "${files[@]}" 2>/dev/null | awk '{s += $1} END {printf "%.0f\n", s}'
}
