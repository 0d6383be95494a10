#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# status, listeners, requests and stats show what there is, as text and as
# JSON, also when the daemon is dead; status says what is not healthy.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server web --port 80 --mode http --backlog 77 --cookies always
server slow --port 8080 --backlog 33 --hold
client -n 3 -m none $FRONT4 80
start waiting "$CLIENT" "$TOOLS/client" -n 2 -c 2 $FRONT4 8080
wait_for 5 "full accept queue" acceptq_is 8080 2
raw $FRONT4,8080 'send S linux; expect SA'

shows() # PATTERN COMMAND...
{
	local pattern=$1
	shift
	handfast "$@" >"$DIR/shown" ||
		fail "handfast $* failed: $(cat "$DIR/shown")"
	grep -qE -- "$pattern" "$DIR/shown" ||
		fail "handfast $* does not show '$pattern': $(cat "$DIR/shown")"
}
look()
{
	shows '80 .*77 .*always' listeners
	shows '8080 .*33 +2 ' listeners
	shows '"port": ?8080' -j listeners
	shows "$RAW4" requests
	shows "\"client\": ?\"$RAW4" -j requests
	shows 'synack_cookie +3' stats
	shows '"synack_cookie": ?3' -j stats
	equal "lines of compact JSON" "$(handfast -j stats | wc -l)" 1
	[ "$(handfast -p stats | wc -l)" -gt 10 ] || fail "-p does not indent"
}
look
shows 'f0' status
shows '"f0"' -j status
shows 'with a ring \(copy\)' status
shows '"zerocopy_rings": ?0' -j status
shows "${PIDS[daemon]}" status
kill -KILL "${PIDS[daemon]}"
wait_end daemon 5 || true
look
refuses 'no handfastd' handfast status
equal "exit code of status without a daemon" "$LAST_CODE" 1
start_daemon
wait_for 5 "health" healthy
# What bpftool shows of the pins is named and readable.
bpftool map dump pinned "$BPFFS/listen_table" >"$DIR/dump"
grep -q '"comm": "server"' "$DIR/dump"
grep -q 'HF_LISTENER_LISTENING' "$DIR/dump"
equal "mode of the keys" "$(stat -c %a "$BPFFS/keys")" 600
stop waiting KILL || true
stop_server web
stop_server slow
set_sysctl "$FRONT" net.ipv4.tcp_synack_retries=0
reload_sysctls synack_retries 0
finish
