#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A client with TCP_MD5SIG is served by the kernel's listener, others by XDP.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
ip -n "$CLIENT" addr add 192.0.2.3/25 dev c0
server echo --port 8080 --md5 secret --md5-peer 192.0.2.3 ||
	skip "TCP_MD5SIG (CONFIG_TCP_MD5SIG)"
client -B 192.0.2.3 -K secret -n 20 -c 5 -b 5000 $FRONT4 8080
client -n 20 -c 5 -b 5000 $FRONT4 8080
[ -n "$KERNEL" ] || between "SYNs left to the kernel" \
	"$(stat_of pass_tcp_auth)" 20 30
# The wrong key: no answer.
! client -B 192.0.2.3 -K wrong -t 1500 $FRONT4 8080 || fail "wrong key served"
stop_server echo
equal "accepted" "$(value accepted "$DIR/echo.log")" 40
[ -n "$KERNEL" ] || equal "children" "$(made)" 20
finish
