#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A wildcard listener means this host's own addresses: connections to the same
# port that the front end forwards to another host are not touched.
. "$(dirname "$0")/lib.sh"

sandbox --attacker
start_handfast f0 f1
set_sysctl "$FRONT" net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip -n "$CLIENT" route add 192.0.2.128/25 via $FRONT4
ip -n "$CLIENT" route add 2001:db8:2::/64 via $FRONT6
ip -n "$ATTACKER" route add 192.0.2.0/25 via $FLOODED4
ip -n "$ATTACKER" route add 2001:db8:1::/64 via $FLOODED6
server echo --bind :: --port 8080
start behind "$ATTACKER" "$TOOLS/server" --kernel --bind :: --port 8080
wait_for 5 "server behind" logged behind '^listening'
client -n 200 -c 20 -b 20000 $ATTACKER4 8080
client -n 200 -c 20 -b 20000 $ATTACKER6 8080
client -n 20 -c 5 $FRONT4 8080
# Nor does the ACK-flood guard count them: they have no socket here.
equal "forwarded segments that the guard does not know" \
	"$(counter stats guard_unknown)" 0
stop behind || true
equal "connections to the host behind" "$(value accepted "$DIR/behind.log")" 400
stop_server echo
equal "accepted" "$(value accepted "$DIR/echo.log")" 20
finish
