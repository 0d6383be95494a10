#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Generic mode (attach -m skb) serves as well as native mode.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast -m skb
needs_handfast
ip -n "$FRONT" link show f0 | grep -q xdpgeneric || fail "not in generic mode"
server echo --bind :: --port 8080 --backlog 1024
server greeter --port 25 --mode greet
client -n 2000 -c 64 -b 500 $FRONT4 8080
client -n 200 -c 20 -b 20000 $FRONT6 8080
client -a -n 100 -c 20 $FRONT4 8080
client -m greet -n 100 -c 20 $FRONT4 25
stop_server echo
stop_server greeter
equal "accepted" "$(value accepted "$DIR/echo.log")" 2300
equal "children" "$(made)" 2400
finish
