#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An application that dies loses its listener and nothing else: its accepted
# connections end, other listeners and the daemon go on.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server victim --port 8080
server other --port 8081
start load "$CLIENT" "$TOOLS/client" -v -k -c 4 -i 10 $FRONT4 8081
start lost "$CLIENT" "$TOOLS/client" -k -c 4 -i 10 $FRONT4 8080
wait_for 5 "connections" reached 8 established_count
stop victim KILL || true
wait_end lost 10 || true
equal "connections that ended" "$(value ok "$DIR/lost.log")" 0
! client -t 3000 $FRONT4 8080 || fail "still served"
client -n 50 -c 5 $FRONT4 8081
stop load || fail "connections of another server: $(cat "$DIR/load.log")"
server again --port 8080
client -n 20 -c 5 $FRONT4 8080
stop_server again
stop_server other
finish
