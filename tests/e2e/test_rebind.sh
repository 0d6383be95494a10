#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A server that restarts gets its port back though connections of it are still
# in TIME_WAIT, or waiting for the peer's FIN: its sockets kept SO_REUSEADDR.
. "$(dirname "$0")/lib.sh"

in_state()
{
	in_front ss -Htn state "$1" "sport = :8080" | grep -q .
}

sandbox
start_handfast
server closing --port 8080 --mode discard
client -m eof -n 20 -c 5 $FRONT4 8080
wait_for 3 "TIME_WAIT" in_state time-wait
# One that does not answer the FIN.
raw $FRONT4,8080 'send S linux; expect SA; send A; expect FA; send A ack=nxt'
wait_for 3 "FIN_WAIT2" in_state fin-wait-2
stop_server closing
in_state time-wait || fail "nothing is left in TIME_WAIT"
server again --port 8080
client -n 20 -c 5 $FRONT4 8080
stop_server again
equal "accepted" "$(value accepted "$DIR/again.log")" 20
finish
