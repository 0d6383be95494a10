#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An application that never accepts harms nobody else, and its queue is
# bounded.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server stuck --port 8080 --backlog 8 --hold
server other --port 8081 --backlog 1024
start waiting "$CLIENT" "$TOOLS/client" -n 64 -c 64 -t 60000 $FRONT4 8080
wait_for 5 "full accept queue" acceptq_at_least 8080 9
client -n 2000 -c 128 $FRONT4 8081
[ -n "$KERNEL" ] || equal "accept queue" "$(acceptq 8080)" 9
stop waiting KILL || true
stop_server other
equal "accepted" "$(value accepted "$DIR/other.log")" 2000
finish
