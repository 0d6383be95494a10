#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A second hf_listen() on the same socket changes the backlog, both ways.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server slow --port 8080 --backlog 1 --backlog2 6 --hold
start clients "$CLIENT" "$TOOLS/client" -v -n 10 -c 10 -t 60000 $FRONT4 8080
wait_for 5 "full accept queue" acceptq_is 8080 2
sleep 0.5
equal "length of the accept queue" "$(acceptq 8080)" 2
kill -USR2 "${PIDS[slow]}"
wait_for 5 "second listen" logged slow '^backlog 6'
# Those that were left out come again after 1 and 3 seconds.
wait_for 10 "more connections in the queue" acceptq_is 8080 7
sleep 0.5
equal "length of the accept queue" "$(acceptq 8080)" 7
kill -USR1 "${PIDS[slow]}"
wait_end clients 40 || fail "clients failed: $(cat "$DIR/clients.log")"
stop_server slow
served_by_handfast slow 10
finish
