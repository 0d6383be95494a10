#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# IPv6: handshake, data with the ACK, mass, curl.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
# The window scale follows from it; its default from the kernel's age.
set_sysctl "$FRONT" net.ipv4.tcp_rmem="4096 131072 33554432"
start_handfast
server echo --bind $FRONT6 --port 8080 --backlog 1024
server web --bind :: --v6only --port 80 --mode http
raw $FRONT6,8080 <<'END'
send S linux
expect SA ack=+1 mss=1440 wscale=10 sackok=1 ts=1
send PA len=500
recv 500
send FA
recv eof
END
client -n 2000 -c 128 -b 300 $FRONT6 8080
client -a -n 200 -c 20 -b 5000 $FRONT6 8080
in_client curl -sSf --max-time 10 -o /dev/null "http://[$FRONT6]/"
# An IPv6-only wildcard does not answer IPv4.
! client $FRONT4 80 || fail "IPv4 was answered"
equal "refused" "$(value refused "$DIR/client.out")" 1
stop_server echo
stop_server web
equal "accepted" "$(value accepted "$DIR/echo.log")" 2201
[ -n "$KERNEL" ] || equal "children" "$(made)" 2202
finish
