#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# SYNs with the addresses of an established connection do not disturb it,
# whether it is busy or idle, and leave no request.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080
established 40001 -i 5
established 40002 -i 1500
for port in 40001 40002; do
	for ((i = 0; i < 60; i++)); do
		printf '%s\n' "new sport=$port" 'send S linux' 'sleep 20'
	done >"$DIR/script"
	RAW_FROM=$CLIENT4 raw $FRONT4,8080 <"$DIR/script"
done
[ -n "$KERNEL" ] || wait_for 10 "end of the bogus requests" no_requests
still_established 40001
still_established 40002
stop_server echo
served_by_handfast echo 2
equal "connections that were reset" "$(value resets "$DIR/echo.log")" 0
finish
