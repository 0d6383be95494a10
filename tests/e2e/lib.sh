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
# HANDFAST_TEST_KERNEL=1 runs a test against the kernel's own listener,
# HANDFAST_TEST_DELIVERY=kernel with listeners of that delivery.

set -eEuo pipefail
shopt -s inherit_errexit
export LC_ALL=C

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$TOP/build}
BUILD=$(cd "$TOP" && cd "$BUILD" && pwd)
TOOLS=$BUILD/tests/tools
KERNEL=${HANDFAST_TEST_KERNEL:-}
DELIVERY=${HANDFAST_TEST_DELIVERY:-accept}

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

. "$TOP/tests/e2e/sandbox.sh"
. "$TOP/tests/e2e/programs.sh"
. "$TOP/tests/e2e/counters.sh"

# ------------------------------------------------------------------- clean-up

stop_clients_and_servers()
{
	local name
	for name in "${!PIDS[@]}"; do
		[ "$name" = daemon ] || stop "$name" || true
	done
}

no_xdp()
{
	! ip -n "$FRONT" link show "$1" | grep -qw xdp
}

check_xdp_gone()
{
	local dev
	for dev in "$@"; do
		no_xdp "$dev" || fail "$dev still has an XDP program"
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
		stop daemon || code=$?
		[ $code = 0 ] || fail "the daemon ended with $code"
		[ ! -e "$SOCKET" ] || fail "the control socket is still there"
	fi
	# The last one, where no daemon runs, takes the pins away.
	for dev in ${ATTACHED[@]+"${ATTACHED[@]}"}; do
		handfast detach "$dev"
	done
	check_xdp_gone ${ATTACHED[@]+"${ATTACHED[@]}"}
	! ip -n "$FRONT" -br link | grep '^hf-' || fail "devices are left"
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
	rm -f /run/lock/handfast-*"handfast-test-$ID"*
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
