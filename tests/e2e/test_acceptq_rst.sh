#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The accept queue is full and the policy is to reset (tcp_abort_on_overflow):
# an ACK that finds no place is answered with RST.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
[ -z "$KERNEL" ] || set_sysctl "$FRONT" net.ipv4.tcp_abort_on_overflow=1
server slow --port 8080 --backlog 3 --hold --overflow rst
{
	for i in 0 1 2; do
		printf '%s\n' "flow $i" 'send S linux' 'expect SA' 'send A'
	done
	# Requests that are made while there is room; one place is left.
	for i in 3 4 5; do
		printf '%s\n' "flow $i" 'send S linux' 'expect SA'
	done
	printf '%s\n' 'sleep 100' 'flow 3' 'send A' 'sleep 100' \
		'flow 4' 'send A' 'await R' \
		'flow 5' 'send PA len=10' 'await R' 'print full'
	printf '%s\n' 'flow 0' 'send PA len=10' 'flow 3' 'send PA len=10' \
		'sleep 1000' 'flow 0' 'recv 10' 'flow 3' 'recv 10'
} >"$DIR/script"
start raw "$CLIENT" "$TOOLS/rawtcp" -i c0 -s $RAW4 -d $FRONT4,8080 \
	-m "$FRONT_MAC" -v <"$DIR/script"
wait_for 10 "answers to all ACKs" logged raw '^full'
equal "length of the accept queue" "$(acceptq 8080)" 4
kill -USR1 "${PIDS[slow]}"
wait_end raw 10 || fail "the script failed: $(tail -n 5 "$DIR/raw.log")"
[ -n "$KERNEL" ] || equal "RSTs for lack of room" "$(stat_of rst_overflow)" 2
stop_server slow
served_by_handfast slow 4
finish
