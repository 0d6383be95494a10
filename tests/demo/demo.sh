#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The same SYN flood against nginx alone, with tcp_syncookies 0 and 1, and
# against nginx behind handfast, while an honest client fetches pages.
#
#   DEMO_SECONDS  all traffic phases together (default 45)
#   DEMO_RATE     spoofed SYNs a second (default 300000)
#
# Three network namespaces:
#
#   client --- attacker === front end (handfast, handfast-relay, nginx)
#
# The client reaches the front end through the attacker's namespace: flood and
# honest requests share the one link marked ===. With a link each, the
# client's packets would never compete with the flood for a place in the
# receive ring, and every system would look better than it is. The front end
# takes packets in a NAPI thread of its own, so that the flood does not slow
# down when the front end does.
set -u

BUILD=${BUILD:-build}
DEMO_SECONDS=${DEMO_SECONDS:-45}
DEMO_RATE=${DEMO_RATE:-300000}
REQUESTS=200 # of the honest client, a second
LAST_CPU=$(($(nproc) - 1))
PORT_OFF=8080 # nginx listens on both: no phase inherits what another
PORT_ON=8081  # one left half-open
PORT_RELAY=80
FRONT_IP=192.0.2.1
UPLINK_IP=192.0.2.254

work=
pids=()
made=()

say() {
	echo "demo: $*" >&2
}

die() {
	say "$*"
	if [ -n "$work" ]; then
		for log in "$work"/*.log; do
			[ -s "$log" ] || continue
			echo "--- ${log##*/}" >&2
			tail -n 20 "$log" >&2
		done
	fi
	exit 1
}

# Ends a process of ours and waits for it.
end_process() {
	kill "$1" 2>/dev/null || return 0
	for _ in $(seq 50); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

cleanup() {
	trap - EXIT
	trap '' INT TERM
	for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
		end_process "${pids[i]}"
	done
	exec 3>&- # the table's input: it says the result
	[ -n "${watch_pid:-}" ] && wait "$watch_pid" 2>/dev/null
	for ns in "${made[@]}"; do
		ip netns del "$ns" 2>/dev/null
	done
	if [ -n "$work" ]; then
		rm -rf "$BPFFS" "$work"
	fi
}

# A sleep that a signal interrupts.
pause() {
	sleep "$1" 3>&- &
	wait $!
}

check_settings() {
	[ "$(id -u)" = 0 ] || die "needs root: sudo make demo"
	case $DEMO_SECONDS$DEMO_RATE in
	*[!0-9]*) die "DEMO_SECONDS and DEMO_RATE are whole numbers" ;;
	esac
	[ "$DEMO_SECONDS" -ge 12 ] || die "DEMO_SECONDS is at least 12"
	if [ "$DEMO_RATE" -lt 100 ] || [ "$DEMO_RATE" -gt 1000000 ]; then
		die "DEMO_RATE is from 100 to 1000000"
	fi
}

make_namespaces() {
	local ns
	for ns in "$CLIENT" "$ATTACKER" "$FRONT"; do
		ip netns add "$ns" || die "no network namespace $ns"
		made+=("$ns")
		ip -n "$ns" link set lo up
	done
}

# link NS DEV ADDR PEER_NS PEER_DEV PEER_ADDR: a veth pair. XDP wants
# receivers with NAPI (GRO on before the link is up), whole checksums and tags
# in the frame.
make_link() {
	ip -n "$1" link add name "$2" type veth peer name "$5" netns "$4" ||
		die "no veth pair"
	local ns dev
	for ns in "$1 $2" "$4 $5"; do
		dev=${ns#* }
		nsenter --net="/run/netns/${ns% *}" ethtool -K "$dev" gro on \
			tx off rxvlan off txvlan off >/dev/null 2>&1
	done
	ip -n "$1" addr add "$3/24" dev "$2"
	ip -n "$4" addr add "$6/24" dev "$5"
	ip -n "$1" link set "$2" up
	ip -n "$4" link set "$5" up
	# An ARP exchange could get lost in the flood.
	ip -n "$1" neigh replace "$6" lladdr "$(mac "$4" "$5")" dev "$2"
	ip -n "$4" neigh replace "$3" lladdr "$(mac "$1" "$2")" dev "$5"
}

mac() {
	ip -n "$1" -br link show "$2" | awk '{print $3}'
}

make_network() {
	make_namespaces
	make_link "$CLIENT" client0 203.0.113.1 "$ATTACKER" client1 203.0.113.254
	make_link "$ATTACKER" uplink $UPLINK_IP "$FRONT" front0 $FRONT_IP
	# Frames that XDP_TX sends to the other end of a veth wait in its ring
	# until something else wakes it, unless there is an XDP program too.
	ip -n "$ATTACKER" link set dev uplink xdpdrv \
		obj "$BUILD/tests/tools/pass.bpf.o" sec xdp.frags ||
		die "no XDP program on the attacker's link"
	ip -n "$CLIENT" route add default via 203.0.113.254
	ip -n "$FRONT" route add default via $UPLINK_IP
	"${in_attacker[@]}" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	# ip netns exec shows the namespace's own /sys
	ip netns exec "$FRONT" sh -c 'echo 1 >/sys/class/net/front0/threaded'
	place_receiver
}

# The front end's receive work goes before any program, as it would in softirq:
# while it waits for a time slice, 1 ms of a flood fills the ring of 256. Its
# CPU, the first, also drops the SYN-ACKs that arrive at the attacker, where
# nobody waits for them; flood and client have the last CPU.
place_receiver() {
	local pid name
	ps -eo pid,comm | while read -r pid name; do
		case $name in
		napi/front0-*)
			taskset -p -c 0 "$pid"
			[ $LAST_CPU = 0 ] || chrt -f -p 1 "$pid"
			;;
		esac
	done >/dev/null
}

start_nginx() {
	mkdir -p "$work/www" "$work/tmp"
	cat >"$work/www/index.html" <<-HTML
		<!DOCTYPE html><title>handfast demo</title><p>It is served.
	HTML
	cat >"$work/nginx.conf" <<-CONF
		daemon off;
		user root;
		worker_processes 1;
		pid $work/nginx.pid;
		error_log $work/nginx.log warn;
		events { worker_connections 8192; }
		http {
			access_log off;
			client_body_temp_path $work/tmp;
			proxy_temp_path $work/tmp;
			fastcgi_temp_path $work/tmp;
			uwsgi_temp_path $work/tmp;
			scgi_temp_path $work/tmp;
			server {
				listen $PORT_OFF;
				listen $PORT_ON;
				root $work/www;
			}
		}
	CONF
	nginx=$(command -v nginx || echo /usr/sbin/nginx)
	"${in_front[@]}" "$nginx" -c "$work/nginx.conf" -p "$work" \
		-e "$work/nginx.log" 2>>"$work/nginx.log" 3>&- &
	pids+=($!)
	wait_served $PORT_OFF "nginx"
}

# Until one request was served.
wait_served() {
	for _ in $(seq 100); do
		pause 0.1
		"${in_client[@]}" "$BUILD/tests/bench/client" --dst $FRONT_IP \
			--port "$1" --seconds 0.01 --timeout 1 |
			grep -q '^started [1-9][0-9]* ok [1-9]' && return
	done
	die "$2 does not serve"
}

start_handfast() {
	export HANDFAST_SOCKET=$work/control.sock
	mount | grep -q ' on /sys/fs/bpf type bpf' ||
		mount -t bpf bpf /sys/fs/bpf || die "no BPF file system"
	"${in_front[@]}" "$BUILD/handfastd" --bpffs "$BPFFS" \
		--socket "$HANDFAST_SOCKET" 2>"$work/handfastd.log" 3>&- &
	pids+=($!)
	wait_socket
	"${in_front[@]}" "$BUILD/handfast" attach front0 --bpffs "$BPFFS" \
		--socket "$HANDFAST_SOCKET" >"$work/attach.log" 2>&1 ||
		die "handfast attach failed"
	"${in_front[@]}" "$BUILD/handfast-relay" --listen $FRONT_IP:$PORT_RELAY \
		--upstream 127.0.0.1:$PORT_OFF 2>"$work/relay.log" 3>&- &
	pids+=($!)
	wait_served $PORT_RELAY "handfast-relay"
}

wait_socket() {
	for _ in $(seq 100); do
		[ -S "$HANDFAST_SOCKET" ] && return
		pause 0.1
	done
	die "handfastd does not come up"
}

start_watch() {
	local title="SYN flood, $DEMO_RATE spoofed SYN/s, and $REQUESTS honest requests a second"
	exec 3> >(trap '' INT
		exec "${in_front[@]}" "$BUILD/tests/demo/watch" \
			"$work" "$BPFFS" "$DEMO_RATE" "$title")
	watch_pid=$!
	echo "name 0 nginx, cookies off" >&3
	echo "name 1 nginx, cookies on" >&3
	echo "name 2 handfast" >&3
}

# phase N KIND PORT: some seconds of peace, then the flood until the last
# honest request is answered or has waited for 3 seconds.
phase() {
	local flood client status calm=$((span / 5)) begin=$((span - 3))
	[ "$calm" -ge 1 ] || calm=1
	[ "$begin" -gt "$calm" ] || begin=$((calm + 1))
	echo "begin $1 $2 $3 $span" >&3
	"${in_client[@]}" "$BUILD/tests/bench/client" --dst $FRONT_IP --port "$3" \
		--rate $REQUESTS --seconds "$begin" --timeout 3 \
		--progress "$work/client.$1" >"$work/client.log" 2>&1 3>&- &
	client=$!
	pids+=("$client")
	pause "$calm"
	"${in_attacker[@]}" "$BUILD/tests/bench/synflood" --dev uplink \
		--dst $FRONT_IP --port "$3" --rate "$DEMO_RATE" \
		--seconds "$span" --progress "$work/flood.$1" \
		>"$work/flood.log" 2>&1 3>&- &
	flood=$!
	pids+=("$flood")
	wait "$client" || die "the client failed"
	kill "$flood" 2>/dev/null
	wait "$flood"
	status=$?
	[ $status = 0 ] || [ $status = 143 ] || die "the flood failed"
	echo "end $1" >&3
}

syncookies() {
	"${in_front[@]}" sh -c "echo $1 >/proc/sys/net/ipv4/tcp_syncookies"
}

check_settings
tag=hfdemo$$
CLIENT=$tag-client
ATTACKER=$tag-attacker
FRONT=$tag-front
# Arrays, not functions: in the background their $! is the command itself.
in_client=(nsenter --net="/run/netns/$CLIENT" taskset -c "$LAST_CPU")
in_attacker=(nsenter --net="/run/netns/$ATTACKER" taskset -c "$LAST_CPU")
in_front=(nsenter --net="/run/netns/$FRONT")
BPFFS=/sys/fs/bpf/$tag
BUILD=$(cd "$BUILD" && pwd)
span=$((DEMO_SECONDS / 3))

trap cleanup EXIT
trap 'exit 130' INT TERM HUP
work=$(mktemp -d)
chmod 755 "$work"
make_network
start_nginx
start_watch
syncookies 0
phase 0 kernel $PORT_OFF
syncookies 1
phase 1 kernel $PORT_ON
if [ -x "$BUILD/handfastd" ]; then
	start_handfast
	phase 2 handfast $PORT_RELAY
fi
