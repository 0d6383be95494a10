#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The accept queue is full: it takes backlog + 1 connections, as in Linux, the
# others wait and are served when there is room. Nobody is reset.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server slow --port 8080 --backlog 4 --hold --overflow hold
start clients "$CLIENT" "$TOOLS/client" -v -n 12 -c 12 -t 60000 $FRONT4 8080
wait_for 5 "full accept queue" acceptq_is 8080 5
for ((i = 0; i < 20; i++)); do
	acceptq_is 8080 5 || fail "the accept queue holds $(acceptq 8080)"
	sleep 0.1
done
kill -USR1 "${PIDS[slow]}"
wait_end clients 40 || fail "clients failed: $(cat "$DIR/clients.log")"
equal "served" "$(value ok "$DIR/clients.log")" 12
stop_server slow
served_by_handfast slow 12
finish
