#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Near its limit of open files the daemon stops answering SYNs, says so, and
# goes on when there is room again; nobody is reset.
# timeout: 60
. "$(dirname "$0")/lib.sh"

sandbox
DAEMON_WRAPPER=(prlimit --nofile=160:160)
start_handfast
needs_handfast
server slow --port 8080 --backlog 1024 --hold
start clients "$CLIENT" "$TOOLS/client" -v -n 300 -c 300 -t 40000 $FRONT4 8080
wait_for 10 "SYNs that wait" reached 1 stat_of drop_paused
logged daemon 'descriptor|open files' || fail "the daemon did not say why"
running daemon
kill -USR1 "${PIDS[slow]}"
wait_end clients 45 || fail "clients failed: $(cat "$DIR/clients.log")"
stop_server slow
served_by_handfast slow 300
finish
