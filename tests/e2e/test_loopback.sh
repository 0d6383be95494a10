#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Clients on the front end itself are served by the same listener.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080
in_front "$TOOLS/client" -n 100 -c 10 127.0.0.1 8080
in_front "$TOOLS/client" -n 100 -c 10 $FRONT4 8080
client -n 100 -c 10 $FRONT4 8080
stop_server echo
equal "accepted" "$(value accepted "$DIR/echo.log")" 300
[ -n "$KERNEL" ] || equal "children" "$(made)" 100
finish
