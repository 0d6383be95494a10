#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ACKs and data with the addresses of an established connection: nothing of
# them gets into the stream, also after a spoofed SYN, and in cookie mode.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080
server cookies --port 8081 --cookies always
for port in 8080 8081; do
	established $((port + 32000)) -i 5 -- $port
	established $((port + 33000)) -i 1500 -- $port
done
for port in 8080 8081; do
	for from in $((port + 32000)) $((port + 33000)); do
		for ((i = 0; i < 40; i++)); do
			printf '%s\n' "new sport=$from" 'send A ack=1' \
				'send S linux' 'send A ack=77' \
				'send PA ack=123456789 data=intruder' \
				'send FPA ack=123 data=intruder' 'sleep 15'
		done >"$DIR/script"
		RAW_FROM=$CLIENT4 raw $FRONT4,$port <"$DIR/script"
	done
done
[ -n "$KERNEL" ] || wait_for 10 "end of the bogus requests" no_requests
for port in 8080 8081; do
	still_established $((port + 32000))
	still_established $((port + 33000))
done
stop_server echo
stop_server cookies
finish
