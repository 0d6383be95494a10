#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A SYN that comes again is answered with the same ISN, but not more often
# than twice a second; one with another ISN makes no second request.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080
raw $FRONT4,8080 <<'END'
send S linux
expect SA seq=+0 ack=+1
sleep 600
send S linux seq=+0
expect SA seq=+0 ack=+1
send S linux seq=+0 times=20
quiet 300 SA
send PA len=100
recv 100
send FA
recv eof
END
[ -n "$KERNEL" ] || between "SYNs too soon" "$(stat_of drop_syn_rate)" 18 20
stop_server echo
served_by_handfast echo 1
finish
