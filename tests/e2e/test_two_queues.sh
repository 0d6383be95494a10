#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A device with two queues: both are served, and a flow that changes the queue
# in the middle of its handshake loses nothing.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

[ "$(nproc)" -ge 2 ] || skip "one processor: both queues get the same flows"
sandbox --queues 2
start_handfast
[ -n "$KERNEL" ] || handfast status | grep -q "2 queues, 2 with a ring"
server echo --port 8080 --backlog 1024
client -n 3000 -c 128 -b 300 $FRONT4 8080
for ((i = 0; i < 20; i++)); do
	printf '%s\n' new "cpu $((i % 2))" 'send S linux' 'expect SA' \
		"cpu $((1 - i % 2))" 'send A' 'send PA len=300' \
		"cpu $((i % 2))" 'send PA len=300' 'recv 600' 'send FA' \
		'recv eof'
done | raw $FRONT4,8080
[ -n "$KERNEL" ] || [ "$DELIVERY" = kernel ] || between "frames handed over" \
	"$(daemon_stat handed_over)" 20 100
stop_server echo
served_by_handfast echo 3020
finish
