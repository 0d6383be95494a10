#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A socket in TIME_WAIT that is in the way of a client is destroyed by its
# tuple. Should it be gone by then, the kernel's look-up ends at the listening
# socket, which has to stay.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

not_in_time_wait()
{
	! in_time_wait "$1"
}

sandbox
start_handfast
needs_handfast
server closing --port 8080 --mode discard
client -m eof -p 40001 -t 5000 $FRONT4 8080
wait_for 3 "TIME_WAIT at the front end" in_time_wait 40001
sleep 0.01
# The daemon finds out late.
kill -STOP "${PIDS[daemon]}"
start again "$CLIENT" "$TOOLS/client" -v -m eof -p 40001 -t 10000 $FRONT4 8080
wait_for 5 "second handshake" reached 2 stat_of redirect_acked
in_front ss -K state time-wait "dport = :40001" >/dev/null
wait_for 3 "end of TIME_WAIT" not_in_time_wait 40001
kill -CONT "${PIDS[daemon]}"
wait_end again 10 || fail "the client: $(cat "$DIR/again.log")"
listens 8080 || fail "the listening socket is gone"
client -n 20 -m eof $FRONT4 8080
stop_server closing
finish
