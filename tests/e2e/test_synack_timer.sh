#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# SYN-ACKs are sent again after 1, 2, 4 seconds with the same ISN, as often as
# tcp_synack_retries says, and no more; then the request is gone.
# timeout: 60
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
set_sysctl "$FRONT" net.ipv4.tcp_synack_retries=2
start_handfast
server echo --port 8080
raw $FRONT4,8080 -v <<'END'
send S linux
expect SA seq=+0 ack=+1
expect SA seq=+0 ack=+1 after=700 within=1600
expect SA seq=+0 ack=+1 after=1700 within=2700
quiet 5500
send A
expect R
END
# One that comes late completes its handshake all the same.
raw $FRONT4,8080 <<'END'
send S linux
expect SA
expect SA after=700 within=1600
send PA len=100
recv 100
send FA
recv eof
END
[ -n "$KERNEL" ] || equal "retransmitted SYN-ACKs" \
	"$(daemon_stat synack_retrans)" 3
[ -n "$KERNEL" ] || equal "requests that ended" \
	"$(daemon_stat requests_expired)" 1
stop_server echo
finish
