#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The same with IPv6, and with a server that speaks first.
# timeout: 60
. "$(dirname "$0")/lib.sh"

sandbox --attacker
start_handfast f0 f1
needs_handfast
server greeter --bind :: --port 8080 --backlog 256 --mode greet
start flood "$ATTACKER" "$TOOLS/flood" -i a0 -d $FLOODED6,8080 \
	-m "$FLOODED_MAC" -r 20000 -n 100000 -t 5
wait_for 5 "cookies" reached 1000 stat_of synack_cookie
client -m greet -d 3 -c 16 -R 200 -b 1000 $FRONT6 8080
client -m greet -n 100 -c 16 $FRONT4 8080
wait_end flood 10
stop_server greeter
finish
