# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The sandbox of an end-to-end test: network namespaces, a bpffs directory, a
# control socket and a temporary directory of its own, all named after one
# identifier, so that tests run beside each other and leave nothing behind.
#
#   client            c0 ------ f0            front end
#   192.0.2.2/25                              192.0.2.1/25
#   2001:db8:1::2/64                          2001:db8:1::1/64
#   192.0.2.77, 2001:db8:1::77: nobody's; rawtcp speaks for them
#
#   attacker          a0 ------ f1            (sandbox --attacker)
#   192.0.2.130/25                            192.0.2.129/25
#   2001:db8:2::2/64                          2001:db8:2::1/64
#   198.18.0.0/15 and 2001:db8:ff::/48 are routed to it: nobody answers
#
# A test sources this file, calls sandbox, start_handfast, what it is about,
# and finish, which looks for leaks. Any command that fails ends it.
# HANDFAST_TEST_KERNEL=1 runs a test against the kernel's own listener.

set -eEuo pipefail
shopt -s inherit_errexit
export LC_ALL=C

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$TOP/build}
BUILD=$(cd "$TOP" && cd "$BUILD" && pwd)
TOOLS=$BUILD/tests/tools
KERNEL=${HANDFAST_TEST_KERNEL:-}

DIR=${SANDBOX_DIR:-$(mktemp -d /tmp/handfast-e2e.XXXXXX)}
ID=${DIR##*.}
CLIENT=hf-$ID-client
FRONT=hf-$ID-front
ATTACKER=hf-$ID-attacker
BPFFS=/sys/fs/bpf/handfast-test-$ID
SOCKET=$DIR/control.sock
export HANDFAST_SOCKET=$SOCKET

FRONT4=192.0.2.1 CLIENT4=192.0.2.2 RAW4=192.0.2.77
FRONT6=2001:db8:1::1 CLIENT6=2001:db8:1::2 RAW6=2001:db8:1::77
FLOODED4=192.0.2.129 ATTACKER4=192.0.2.130
FLOODED6=2001:db8:2::1 ATTACKER6=2001:db8:2::2

declare -A PIDS=()
FINISHED=
DAEMON_FDS=
DAEMON_ARGS=()
ATTACHED=()

# ------------------------------------------------------------------ results

say()
{
	echo "-- $*"
}

fail()
{
	echo "FAIL: $*" >&2
	exit 1
}

# A kernel feature is missing: says which.
skip()
{
	echo "SKIP: $*"
	FINISHED=1
	exit 77
}

# This test is about what only handfast does.
needs_handfast()
{
	[ -z "$KERNEL" ] || skip "not for the kernel's own listener"
}

# equal WHAT GOT WANTED
equal()
{
	[ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}

# between WHAT GOT LOW HIGH
between()
{
	[ "$2" -ge "$3" ] && [ "$2" -le "$4" ] ||
		fail "$1 is $2, not between $3 and $4"
}

# wait_for SECONDS WHAT COMMAND...: polls, and fails when the time is over.
wait_for()
{
	local seconds=$1 what=$2 end
	shift 2
	end=$(($(date +%s%N) + seconds * 1000000000))
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s%N)" -lt "$end" ] ||
			fail "no $what within $seconds s"
		sleep 0.05
	done
}

# refuses TEXT COMMAND...: the command fails, and says TEXT (grep -E).
refuses()
{
	local text=$1 code=0
	shift
	"$@" >"$DIR/refuses.out" 2>&1 || code=$?
	cat "$DIR/refuses.out"
	[ $code != 0 ] || fail "'$*' should have failed"
	[ $code -lt 126 ] || fail "'$*' ended with $code"
	grep -qE -- "$text" "$DIR/refuses.out" ||
		fail "'$*' did not say '$text'"
	LAST_CODE=$code
}

# --------------------------------------------------------------- namespaces

in_client()
{
	nsenter --net="/run/netns/$CLIENT" "$@"
}

in_front()
{
	nsenter --net="/run/netns/$FRONT" "$@"
}

in_attacker()
{
	nsenter --net="/run/netns/$ATTACKER" "$@"
}

set_sysctl()
{
	local ns=$1
	shift
	nsenter --net="/run/netns/$ns" sysctl -qw "$@"
}

mac_of()
{
	ip -n "$1" -o link show "$2" | sed 's/.*link\/ether \([^ ]*\).*/\1/'
}

# Packets that are redirected or sent by XDP reach a veth only where its peer
# runs NAPI: GRO has to be on before the links go up. And XDP would see
# partial checksums, did the sending peer offload them.
link_up()
{
	local ns=$1 dev=$2 mtu=$3
	nsenter --net="/run/netns/$ns" ethtool -K "$dev" gro on tx off \
		>/dev/null 2>&1
	ip -n "$ns" link set "$dev" mtu "$mtu" up
}

link_is_up()
{
	ip -n "$1" -o link show "$2" | grep -qw LOWER_UP
}

make_namespace()
{
	ip netns add "$1"
	ip -n "$1" link set lo up
	set_sysctl "$1" net.ipv6.conf.all.disable_ipv6=0 \
		net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.default.router_solicitations=0
}

# make_link NS1 DEV1 NS2 DEV2 QUEUES MTU
make_link()
{
	local queues="numrxqueues $5 numtxqueues $5"
	# shellcheck disable=SC2086
	ip link add "$2" netns "$1" $queues type veth \
		peer name "$4" netns "$3" $queues
	link_up "$1" "$2" "$6"
	link_up "$3" "$4" "$6"
}

# sandbox [--queues N] [--mtu N] [--attacker]
sandbox()
{
	local queues=1 mtu=1500 attacker=
	while [ $# -gt 0 ]; do
		case $1 in
		--queues) queues=$2; shift ;;
		--mtu) mtu=$2; shift ;;
		--attacker) attacker=1 ;;
		*) fail "sandbox: no option $1" ;;
		esac
		shift
	done
	[ "$(id -u)" = 0 ] || fail "end-to-end tests need root"
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
	make_namespace "$CLIENT"
	make_namespace "$FRONT"
	make_link "$CLIENT" c0 "$FRONT" f0 "$queues" "$mtu"
	ip -n "$CLIENT" addr add $CLIENT4/25 dev c0
	ip -n "$CLIENT" addr add $CLIENT6/64 dev c0 nodad
	ip -n "$FRONT" addr add $FRONT4/25 dev f0
	ip -n "$FRONT" addr add $FRONT6/64 dev f0 nodad
	CLIENT_MAC=$(mac_of "$CLIENT" c0)
	FRONT_MAC=$(mac_of "$FRONT" f0)
	local raw
	for raw in $RAW4 $RAW6; do
		ip -n "$FRONT" neigh replace "$raw" lladdr "$CLIENT_MAC" \
			dev f0 nud permanent
	done
	[ -z "$attacker" ] || add_attacker "$mtu"
	wait_for 10 "link between the namespaces" link_is_up "$CLIENT" c0
	wait_for 10 "link between the namespaces" link_is_up "$FRONT" f0
}

add_attacker()
{
	make_namespace "$ATTACKER"
	make_link "$ATTACKER" a0 "$FRONT" f1 1 "$1"
	ip -n "$ATTACKER" addr add $ATTACKER4/25 dev a0
	ip -n "$ATTACKER" addr add $ATTACKER6/64 dev a0 nodad
	ip -n "$FRONT" addr add $FLOODED4/25 dev f1
	ip -n "$FRONT" addr add $FLOODED6/64 dev f1 nodad
	ip -n "$FRONT" route add 198.18.0.0/15 via $ATTACKER4
	ip -n "$FRONT" route add 2001:db8:ff::/48 via $ATTACKER6
	FLOODED_MAC=$(mac_of "$FRONT" f1)
	wait_for 10 "link to the attacker" link_is_up "$ATTACKER" a0
}

# ---------------------------------------------------------------- processes

# start NAME NAMESPACE COMMAND...: in the background, its output in a log.
start()
{
	local name=$1 ns=$2
	shift 2
	nsenter --net="/run/netns/$ns" "$@" >"$DIR/$name.log" 2>&1 &
	PIDS[$name]=$!
}

running()
{
	kill -0 "${PIDS[$1]}" 2>/dev/null
}

not_running()
{
	! running "$1"
}

# stop NAME [SIGNAL]: and returns its exit code.
stop()
{
	local pid=${PIDS[$1]} code=0 i
	kill "-${2:-TERM}" "$pid" 2>/dev/null || true
	for ((i = 0; i < 200; i++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	if kill -0 "$pid" 2>/dev/null; then
		kill -KILL "$pid"
		fail "$1 did not end within 10 s of SIG${2:-TERM}"
	fi
	wait "$pid" 2>/dev/null || code=$?
	unset "PIDS[$1]"
	return $code
}

# wait_end NAME SECONDS: waits for it to end by itself; its exit code.
wait_end()
{
	local code=0
	wait_for "$2" "end of $1" not_running "$1"
	wait "${PIDS[$1]}" || code=$?
	unset "PIDS[$1]"
	return $code
}

logged()
{
	grep -qE -- "$2" "$DIR/$1.log"
}

handfast()
{
	in_front "$BUILD/handfast" --bpffs "$BPFFS" --socket "$SOCKET" "$@"
}

# start_daemon [OPTION...]
start_daemon()
{
	start daemon "$FRONT" ${DAEMON_WRAPPER[@]+"${DAEMON_WRAPPER[@]}"} \
		"$BUILD/handfastd" --bpffs "$BPFFS" --socket "$SOCKET" "$@"
	wait_for 10 "control socket of the daemon" daemon_ready
}

daemon_ready()
{
	running daemon && "$TOOLS/ready" "$SOCKET"
}

daemon_fds()
{
	find "/proc/${PIDS[daemon]}/fd" -mindepth 1 -maxdepth 1 | wc -l
}

attach()
{
	handfast attach "$@"
	ATTACHED+=("$1")
}

# start_handfast [-m MODE] [IFACE...]: daemon and interfaces (f0).
start_handfast()
{
	local mode=(-m native) dev
	[ -z "$KERNEL" ] || return 0
	if [ "${1:-}" = -m ]; then
		mode=(-m "$2")
		shift 2
	fi
	[ $# -gt 0 ] || set -- f0
	for dev in "$@"; do
		attach "$dev" "${mode[@]}"
	done
	start_daemon ${DAEMON_ARGS[@]+"${DAEMON_ARGS[@]}"}
	wait_for 10 "ring for every queue" workers_ready "$#"
	DAEMON_FDS=$(daemon_fds)
}

# Every attached interface has its AF_XDP sockets in the map.
workers_ready()
{
	[ "$(bpftool -j map dump pinned "$BPFFS/xsks" 2>/dev/null |
		grep -o '"key"' | wc -l)" -ge "$1" ]
}

# server NAME [OPTION...]: waits until it listens.
server()
{
	local name=$1
	shift
	[ -z "$KERNEL" ] || set -- "$@" --kernel
	start "$name" "$FRONT" "$TOOLS/server" "$@"
	wait_for 10 "listener of $name" logged "$name" '^listening on'
}

# Ends a server; its statistics are in its log then.
stop_server()
{
	stop "$1" || fail "server $1 ended with $?"
}

# value NAME FILE: of the last NAME=VALUE in it
value()
{
	sed -n "s/.*\\b$1=\\([^ ]*\\).*/\\1/p" "$2" | tail -n 1
}

# client [OPTION...] ADDR PORT: counters in $DIR/client.out
client()
{
	local code=0
	in_client "$TOOLS/client" "$@" >"$DIR/client.out" || code=$?
	cat "$DIR/client.out"
	return $code
}

# raw DST,PORT [rawtcp's options and script]: from $RAW4 or $RAW6, on c0
raw()
{
	local to=$1 from=$RAW4
	shift
	[[ $to != *:* ]] || from=$RAW6
	in_client "$TOOLS/rawtcp" -i c0 -s "${RAW_FROM:-$from}" -d "$to" \
		-m "$FRONT_MAC" "$@"
}

# ----------------------------------------------------------------- counters

# nstat NAMESPACE NAME: of /proc/net/netstat and snmp
nstat()
{
	nsenter --net="/run/netns/$1" cat /proc/net/netstat /proc/net/snmp |
		awk -v name="$2" '
		$1 == table { for (i = 2; i <= NF; i++)
				if (names[i] == name) print $i }
		{ table = $1; for (i = 2; i <= NF; i++) names[i] = $i }'
}

# counter MAP NAME: a field, summed over CPUs and elements; 0 without handfast
counter()
{
	if [ -n "$KERNEL" ]; then
		echo 0
		return
	fi
	bpftool -j map dump pinned "$BPFFS/$1" |
		grep -oE "\"$2\": ?[0-9]+" |
		awk -F: '{ n += $2 } END { printf "%d\n", n }'
}

stat_of()
{
	counter stats "$1"
}

daemon_stat()
{
	counter daemon_stats "$1"
}

elements()
{
	bpftool -j map dump pinned "$BPFFS/$1" | { grep -o '"key"' || true; } |
		wc -l
}

no_requests()
{
	[ "$(elements syn_table)" = 0 ] && [ "$(counter fills half_open)" = 0 ] &&
		[ "$(counter fills acked)" = 0 ]
}

daemon_fds_back()
{
	[ "$(daemon_fds)" -le "$DAEMON_FDS" ]
}

no_listeners()
{
	[ "$(elements listen_hash)" = 0 ] &&
		[ "$(counter listen_table acceptq_len)" = 0 ] &&
		[ "$(counter listen_table synq_len)" = 0 ]
}

# served_by_handfast NAME N: that server, which has ended, accepted N
# connections, all of them from XDP
served_by_handfast()
{
	equal "accepted" "$(value accepted "$DIR/$1.log")" "$2"
	equal "errors" "$(value errors "$DIR/$1.log")" 0
	[ -n "$KERNEL" ] || equal "children" "$(daemon_stat children)" "$2"
	[ -n "$KERNEL" ] ||
		equal "connections of the kernel's listener" \
			"$(nstat "$FRONT" PassiveOpens)" 0
}

# drop_first_acks PORT N: the first segments without SYN or RST that the
# client sends there
drop_first_acks()
{
	in_client nft -f - <<-END
	table inet lost {
		chain output {
			type filter hook output priority 0;
			tcp dport $1 tcp flags & (syn | rst) == 0 \
				numgen inc mod 1000000 < $2 counter drop
		}
	}
	END
}

dropped_acks()
{
	in_client nft list table inet lost |
		sed -n "s/.*counter packets \\([0-9]*\\).*/\\1/p"
}

# -------------------------------------------------------------------- clean-up

stop_clients_and_servers()
{
	local name
	for name in "${!PIDS[@]}"; do
		[ "$name" = daemon ] || stop "$name" || true
	done
}

check_xdp_gone()
{
	local dev
	for dev in "$@"; do
		! ip -n "$FRONT" link show "$dev" | grep -qw xdp ||
			fail "$dev still has an XDP program"
	done
}

# The end of a test that passed: everything goes back, and is looked at.
finish()
{
	local dev code=0
	stop_clients_and_servers
	if [ -n "${PIDS[daemon]:-}" ]; then
		wait_for 10 "empty syn_table" no_requests
		wait_for 10 "end of all listeners" no_listeners
		wait_for 10 "return of the daemon's descriptors" \
			daemon_fds_back
	fi
	for dev in ${ATTACHED[@]+"${ATTACHED[@]}"}; do
		handfast detach "$dev"
	done
	check_xdp_gone ${ATTACHED[@]+"${ATTACHED[@]}"}
	if [ -n "${PIDS[daemon]:-}" ]; then
		stop daemon || code=$?
		[ $code = 0 ] || fail "the daemon ended with $code"
		[ ! -e "$SOCKET" ] || fail "the control socket is still there"
	fi
	[ ! -e "$BPFFS" ] || fail "pins are left: $(ls "$BPFFS")"
	no_sanitizer_output
	FINISHED=1
}

no_sanitizer_output()
{
	! grep -lE 'Sanitizer|runtime error|Segmentation' "$DIR"/*.log ||
		fail "a program misbehaved: see its log"
}

# What one needs to see when a test has failed.
post_mortem()
{
	local log
	for log in "$DIR"/*.log "$DIR"/client.out; do
		[ -s "$log" ] || continue
		echo "==== ${log##*/}"
		tail -n 40 "$log"
	done
	[ -e "$BPFFS/stats" ] || return 0
	echo "==== counters"
	local map
	for map in stats daemon_stats fills; do
		bpftool -j map dump pinned "$BPFFS/$map" |
			grep -oE '"[a-z0-9_]+": ?[0-9]+' |
			awk -F: '$1 != "\"cpu\"" && $1 != "\"key\"" {
				n[$1] += $2 }
				END { for (k in n) if (n[k]) print k, n[k] }'
	done
}

# Everything that carries this identifier. Used by the runner too, for tests
# that were killed.
sweep()
{
	local ns pid
	for ns in "$CLIENT" "$FRONT" "$ATTACKER" "hf-$ID-backend"; do
		[ -e "/run/netns/$ns" ] || continue
		for pid in $(ip netns pids "$ns"); do
			kill -KILL "$pid" 2>/dev/null || true
		done
		ip netns del "$ns" || true
	done
	rm -rf "$BPFFS"
	rm -rf "$DIR"
}

on_exit()
{
	local code=$?
	trap - ERR EXIT
	set +eE
	if [ $code = 0 ] && [ -z "$FINISHED" ]; then
		echo "FAIL: the test ended before its 'finish'" >&2
		code=1
	fi
	if [ $code != 0 ] && [ $code != 77 ]; then
		post_mortem
	fi
	sweep
	exit $code
}

if [ "${1:-}" = --sweep ]; then
	set +eE
	sweep
	exit 0
fi
trap 'echo "FAIL: line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND" >&2' ERR
trap on_exit EXIT
trap 'exit 143' TERM INT HUP
