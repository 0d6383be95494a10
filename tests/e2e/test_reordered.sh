#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Segments that come in any order, doubled and overlapping, while the child is
# being made: every byte arrives once, in its place.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080
RANDOM=1
random_order()
{
	local i
	for i in "$@"; do
		echo "$RANDOM $i"
	done | sort -n | cut -d' ' -f2-
}
segments() # 600 bytes: twice each of them, an overlapping one, the bare ACK
{
	local i
	{
		for i in 1 101 201 301 401 501; do
			echo "send PA len=100 seq=+$i"
			[ $((RANDOM % 2)) = 0 ] || echo "send PA len=100 seq=+$i"
		done
		echo "send PA len=150 seq=+$((RANDOM % 400 + 1))"
		echo "send A seq=+1"
	} >"$DIR/segments"
	mapfile -t lines <"$DIR/segments"
	random_order "${lines[@]}"
}
for ((n = 0; n < 60; n++)); do
	printf '%s\n' new 'send S linux' 'expect SA'
	segments >"$DIR/order"
	case $((n % 3)) in
	0) echo batch; cat "$DIR/order"; echo flush ;;
	1) cat "$DIR/order" ;;
	2) # in two batches, the second as late as the child may be ready
		echo batch
		head -n 4 "$DIR/order"
		echo flush
		echo batch
		tail -n +5 "$DIR/order"
		echo flush
		;;
	esac
	printf '%s\n' 'recv 600' 'send FA' 'recv eof'
done >"$DIR/script"
raw $FRONT4,8080 <"$DIR/script"
stop_server echo
served_by_handfast echo 60
equal "bytes that arrived" "$(value bytes_in "$DIR/echo.log")" 36000
finish
