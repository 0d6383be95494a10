#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# attach --try detaches by itself, unless it is confirmed.
. "$(dirname "$0")/lib.sh"

sandbox
needs_handfast
handfast attach f0 --try 2
start_daemon
server echo --port 8080
client -n 5 $FRONT4 8080
between "children" "$(made)" 5 5
wait_for 8 "end of the trial" no_xdp f0
client -n 5 $FRONT4 8080
attach f0 --try 2
handfast attach f0 --confirm
refuses 'not attached on trial|confirmed' handfast attach f0 --confirm
sleep 3
ip -n "$FRONT" link show f0 | grep -qw xdp || fail "detached though confirmed"
client -n 5 $FRONT4 8080
stop_server echo
equal "accepted" "$(value accepted "$DIR/echo.log")" 15
finish
