#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 of the daemon under load, and its restart: what is established goes
# on, new clients are served by the kernel's listener meanwhile, then by
# handfast again. Only connections that were in the making may be lost.
# timeout: 60
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server echo --port 8080 --backlog 1024
start kept "$CLIENT" "$TOOLS/client" -v -k -c 16 -i 10 $FRONT4 8080
start load "$CLIENT" "$TOOLS/client" -v -d 5 -c 32 -R 400 -x $FRONT4 8080
sleep 1
kill -KILL "${PIDS[daemon]}"
wait_end daemon 5 || true
children=$(made)
between "children before" "$children" 100 10000
wait_for 5 "SYNs left to the kernel" reached 100 stat_of pass_no_worker
start_daemon
wait_for 5 "return of the listener" \
	reached $((children + 300)) made
wait_end load 20 || true
between "connections that were lost" "$(value failed "$DIR/load.log")" 0 64
between "longest time without a success, ms" \
	"$(value gap_ms "$DIR/load.log")" 0 1500
equal "time-outs" "$(value timeout "$DIR/load.log")" 0
stop kept || fail "established connections: $(cat "$DIR/kept.log")"
equal "connections that went on" "$(value ok "$DIR/kept.log")" 16
finish
