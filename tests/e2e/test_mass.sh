#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# 10,000 connections, 512 at once, that send in the instant in which they are
# established: none fails, nothing is retransmitted, no ring overflows.
# timeout: 400
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
for i in 1 2 3 4 5 6 7 8 9; do
	ip -n "$CLIENT" addr add 192.0.2.1$i/25 dev c0
done
start_handfast
server echo --port 8080 --backlog 4096

retransmitted()
{
	echo $(($(nstat "$CLIENT" RetransSegs) + $(nstat "$FRONT" RetransSegs)))
}
# Where something else takes the processors for long enough, the clients' own
# timers fire, whoever listens: that says nothing. So there are some attempts.
for attempt in 1 2 3 4 5 6 7 8 9; do
	before=$(retransmitted)
	client -B 192.0.2.1$attempt -n 10000 -c 512 -b 200 -t 60000 $FRONT4 8080
	count=$(($(retransmitted) - before))
	[ $count != 0 ] || break
	[ $count -lt 500 ] || fail "$count segments were retransmitted"
	say "$count segments retransmitted in attempt $attempt"
	calm_machine
done
equal "retransmitted segments" $count 0
for ring in rx_dropped rx_full fill_empty; do
	equal "frames lost ($ring)" "$(daemon_stat ring_$ring)" 0
done
equal "segments not injected" "$(daemon_stat inject_errors)" 0
stop_server echo
served_by_handfast echo $((10000 * attempt))
finish
