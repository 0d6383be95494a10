#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The same client port again and again while the front end still holds it in
# TIME_WAIT: with timestamps, and without them.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server closing --port 8080 --mode discard
for timestamps in 1 0; do
	set_sysctl "$CLIENT" net.ipv4.tcp_timestamps=$timestamps
	for ((i = 0; i < 5; i++)); do
		port=$((40000 + timestamps))
		client -m eof -p $port -t 5000 $FRONT4 8080
		wait_for 3 "TIME_WAIT at the front end" in_time_wait $port
		# A clock of milliseconds has to go on for PAWS.
		sleep 0.01
	done
done
stop_server closing
equal "accepted" "$(value accepted "$DIR/closing.log")" 10
finish
