#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The daemon may run before anything is attached, and servers may listen
# before: their connections move to XDP with attach. An application that
# starts without a daemon is told so.
. "$(dirname "$0")/lib.sh"

sandbox
needs_handfast
refuses 'hf_listen' in_front "$TOOLS/server" --port 8080
start_daemon
server echo --port 8080
client -n 10 $FRONT4 8080
equal "connections of the kernel's listener" "$(nstat "$FRONT" PassiveOpens)" 10
attach f0
wait_for 5 "ring for every queue" healthy
client -n 20 $FRONT4 8080
equal "children" "$(made)" 20
stop_server echo
equal "accepted" "$(value accepted "$DIR/echo.log")" 30
DAEMON_FDS=$(daemon_fds)
finish
