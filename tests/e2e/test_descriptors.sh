#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Near its limit of open files the daemon stops answering SYNs, says so, and
# goes on when there is room again; nobody is reset.
# timeout: 60
. "$(dirname "$0")/lib.sh"

sandbox
# Without privileges the kernel counts what is on its way to the application.
caps=-all,+bpf,+perfmon,+net_admin,+net_raw,+ipc_lock,+chown
DAEMON_WRAPPER=(setpriv --inh-caps=$caps --bounding-set=$caps
	prlimit --nofile=400:400)
start_handfast
needs_handfast
server slow --port 8080 --backlog 2048 --hold
start clients "$CLIENT" "$TOOLS/client" -v -n 1000 -c 1000 -t 40000 $FRONT4 8080
wait_for 10 "word about it" logged daemon 'limit of open files.*SYNs are not answered'
start late "$CLIENT" "$TOOLS/client" -v -n 10 -c 10 -t 40000 $FRONT4 8080
wait_for 10 "SYNs that wait" reached 10 stat_of drop_paused
running daemon
kill -USR1 "${PIDS[slow]}"
wait_end clients 45 || fail "clients failed: $(cat "$DIR/clients.log")"
wait_end late 45 || fail "clients failed: $(cat "$DIR/late.log")"
stop_server slow
served_by_handfast slow 1010
finish
