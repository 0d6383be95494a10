#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# TCP_DEFER_ACCEPT: a connection is accepted when its first data is there,
# not at the bare ACK.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080 --defer 5 --show
raw $FRONT4,8080 <<'END' &
send S linux
expect SA
send A
sleep 700
print data
send PA len=100
recv 100
send FA
recv eof
END
script=$!
sleep 0.4
! logged echo '^peer=' || fail "accepted before there is data"
wait $script
client -n 100 -c 10 $FRONT4 8080
stop_server echo
served_by_handfast echo 101
finish
