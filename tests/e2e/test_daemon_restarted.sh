#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The daemon ends in order and starts again, three times, under load: nobody
# fails.
# timeout: 60
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server echo --port 8080 --backlog 1024
start kept "$CLIENT" "$TOOLS/client" -v -k -c 16 -i 10 $FRONT4 8080
start load "$CLIENT" "$TOOLS/client" -v -d 6 -c 32 -R 300 -x $FRONT4 8080
for ((i = 0; i < 3; i++)); do
	sleep 0.7
	stop daemon || fail "the daemon ended with $?"
	start_daemon
	children=$(made)
	wait_for 5 "return of the listener" \
		reached $((children + 50)) made
done
wait_end load 20 || fail "clients failed: $(cat "$DIR/load.log")"
stop kept || fail "established connections: $(cat "$DIR/kept.log")"
equal "connections that went on" "$(value ok "$DIR/kept.log")" 16
finish
