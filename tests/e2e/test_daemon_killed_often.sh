#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 of the daemon at ten random instants under load with state and
# cookies: nothing wedges, nothing leaks, and the service goes on.
# timeout: 120
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server echo --port 8080 --backlog 1024
server cookies --port 8081 --backlog 1024 --cookies always
start kept "$CLIENT" "$TOOLS/client" -v -k -c 16 -i 10 $FRONT4 8080
start load "$CLIENT" "$TOOLS/client" -v -d 30 -c 32 -R 500 -x $FRONT4 8080
start load2 "$CLIENT" "$TOOLS/client" -v -d 30 -c 32 -R 300 -x $FRONT4 8081
RANDOM=1
for ((i = 0; i < 10; i++)); do
	sleep 0.$((RANDOM % 900 + 100))
	kill -KILL "${PIDS[daemon]}"
	wait_end daemon 5 || true
	sleep 0.0$((RANDOM % 90))
	start_daemon
	children=$(made)
	wait_for 5 "return of the listener" \
		reached $((children + 20)) made
done
stop load || true
stop load2 || true
for log in load load2; do
	# Those in the making or queued at the instant of each kill.
	between "connections that were lost" \
		"$(value failed "$DIR/$log.log")" 0 320
	equal "time-outs" "$(value timeout "$DIR/$log.log")" 0
	equal "broken streams" "$(value mismatch "$DIR/$log.log")" 0
done
stop kept || fail "established connections: $(cat "$DIR/kept.log")"
equal "connections that went on" "$(value ok "$DIR/kept.log")" 16
client -n 200 -c 20 $FRONT4 8080
stop_server echo
stop_server cookies
finish
