#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The backlog is bounded by net.core.somaxconn.
. "$(dirname "$0")/lib.sh"

sandbox
set_sysctl "$FRONT" net.core.somaxconn=3
start_handfast
server slow --port 8080 --backlog 1000 --hold
start clients "$CLIENT" "$TOOLS/client" -n 10 -c 10 -t 60000 $FRONT4 8080
wait_for 5 "full accept queue" acceptq_is 8080 4
sleep 1.2
equal "length of the accept queue" "$(acceptq 8080)" 4
kill -USR1 "${PIDS[slow]}"
wait_end clients 40 || fail "clients failed: $(cat "$DIR/clients.log")"
stop_server slow
served_by_handfast slow 10
finish
