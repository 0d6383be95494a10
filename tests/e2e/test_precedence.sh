#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Listeners of one port on different addresses and devices: the exact address
# comes before the wildcard, and SO_BINDTODEVICE keeps others out.
. "$(dirname "$0")/lib.sh"

sandbox --attacker
start_handfast f0 f1
ip -n "$FRONT" addr add 192.0.2.9/25 dev f0
sleep 0.3
server one --bind $FRONT4 --port 8080
server two --bind 192.0.2.9 --port 8080
server bound --port 8081 --device f0
client -n 10 $FRONT4 8080
client -n 20 192.0.2.9 8080
client -n 30 $FRONT4 8081
! in_attacker "$TOOLS/client" -t 2000 $FLOODED4 8081 ||
	fail "served on another device"
! in_attacker "$TOOLS/client" -t 2000 $FLOODED4 8080 ||
	fail "served on another address"
[ -n "$KERNEL" ] || equal "children" "$(made)" 60
for name in one two bound; do
	stop_server $name
done
equal "accepted by the first" "$(value accepted "$DIR/one.log")" 10
equal "accepted by the second" "$(value accepted "$DIR/two.log")" 20
equal "accepted on the device" "$(value accepted "$DIR/bound.log")" 30
finish
