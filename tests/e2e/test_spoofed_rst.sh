#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# RSTs with the addresses of an established connection do not end it, alone
# or after a spoofed SYN, unless their sequence number is the expected one.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080
established 40001 -i 5
established 40002 -i 1500
for port in 40001 40002; do
	for ((i = 0; i < 40; i++)); do
		printf '%s\n' "new sport=$port" 'send R' 'send RA ack=12345' \
			'send S linux' 'send R' 'sleep 20' 'send R' \
			'send RA ack=99'
	done >"$DIR/script"
	RAW_FROM=$CLIENT4 raw $FRONT4,8080 <"$DIR/script"
done
[ -n "$KERNEL" ] || wait_for 10 "end of the bogus requests" no_requests
still_established 40001
still_established 40002
stop_server echo
served_by_handfast echo 2
finish
