#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A listener that closes resets what waits in its accept queue, as Linux does;
# new clients are refused then, and the port can be listened on again.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server slow --port 8080 --backlog 16 --hold
start clients "$CLIENT" "$TOOLS/client" -n 8 -c 8 -t 30000 $FRONT4 8080
wait_for 5 "connections in the accept queue" acceptq_is 8080 8
stop_server slow
wait_end clients 10 || true
equal "resets" "$(value reset "$DIR/clients.log")" 8
! client -t 3000 $FRONT4 8080 || fail "still served"
equal "refused" "$(value refused "$DIR/client.out")" 1
server again --port 8080
client -n 20 -c 5 $FRONT4 8080
stop_server again
finish
