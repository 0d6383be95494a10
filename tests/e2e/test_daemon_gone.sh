#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# No daemon: new clients get the kernel's listener, and the CLI still shows
# everything. A request that was half open when it died goes on when it is
# back.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server echo --port 8080
client -n 10 -c 5 $FRONT4 8080
raw $FRONT4,8080 -v <<'END' >"$DIR/half.log" 2>&1 &
	send S linux
	expect SA
	sleep 2000
	send A
	send PA len=100
	recv 100 within=8000
	send FA
	recv eof
END
half=$!
wait_for 5 "half-open request" logged half '<- SA'
kill -KILL "${PIDS[daemon]}"
wait_end daemon 5 || true
client -n 100 -c 10 $FRONT4 8080
equal "connections of the kernel's listener" "$(nstat "$FRONT" PassiveOpens)" 100
handfast listeners | grep -q 8080 || fail "listeners does not show the port"
handfast stats | grep -q pass_no_worker
handfast requests | grep -q $RAW4 || fail "requests does not show the client"
refuses 'handfastd|daemon' handfast status
equal "exit code of status" "$LAST_CODE" 1
start_daemon
wait $half || fail "the half-open request: $(tail -n 4 "$DIR/half.log")"
client -n 10 -c 5 $FRONT4 8080
equal "children" "$(made)" 21
stop_server echo
finish
