#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What is not for a listener passes as it came: other ports, other protocols,
# fragments, pings between the hosts; a listener's port of another address.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
ip -n "$FRONT" addr add 192.0.2.9/25 dev f0
server echo --bind $FRONT4 --port 8080
start other "$FRONT" "$TOOLS/server" --kernel --bind 192.0.2.9 --port 8080
start plain "$FRONT" "$TOOLS/server" --kernel --port 9090
for name in other plain; do
	wait_for 5 "kernel's listener" logged $name '^listening'
done
client -n 200 -c 20 -b 20000 192.0.2.9 8080
client -n 200 -c 20 -b 20000 $FRONT4 9090
arrived()
{
	[ "$(stat -c %s "$DIR/udp.log")" -ge "$1" ]
}
start udp "$FRONT" nc -u -l $FRONT4 8080
sleep 0.2
# Fragments of a datagram, and a whole one.
head -c 6000 /dev/zero | tr '\0' u >"$DIR/datagram"
in_client timeout 5 nc -u -q 1 $FRONT4 8080 <"$DIR/datagram" || true
wait_for 5 "datagrams" arrived 6000
[ -n "$KERNEL" ] || equal "frames that XDP answered" \
	$(($(stat_of synack_state) + $(stat_of synack_cookie))) 0
client -n 20 -c 5 $FRONT4 8080
stop other || true
stop plain || true
stop_server echo
equal "accepted" "$(value accepted "$DIR/echo.log")" 20
finish
