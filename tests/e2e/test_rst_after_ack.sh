#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A client that resets right after its ACK leaves nothing behind: no zombie in
# the accept queue, no socket, no request.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080
script() # WHAT FOLLOWS THE ACK, in one batch
{
	local i
	for ((i = 0; i < 20; i++)); do
		printf '%s\n' new 'send S linux' 'expect SA' batch 'send A' \
			"$@" flush
	done
}
say "ACK, RST"
script 'send R' | raw $FRONT4,8080
say "ACK, data, RST"
script 'send PA len=100' 'send RA' | raw $FRONT4,8080
say "ACK with data, then RST a little later"
script 'send PA len=100' flush 'sleep 3' batch 'send RA' | raw $FRONT4,8080
say "RST in place of the ACK: the request goes"
raw $FRONT4,8080 <<'END'
send S linux
expect SA
send R
sleep 300
send A
expect R
END

no_sockets()
{
	! in_front ss -Htn state connected "sport = :8080" | grep -q .
}
wait_for 5 "end of all sockets" no_sockets
[ -n "$KERNEL" ] || wait_for 5 "empty syn_table" no_requests
client -n 20 -c 5 $FRONT4 8080
stop_server echo
equal "errors" "$(value errors "$DIR/echo.log")" 0
finish
