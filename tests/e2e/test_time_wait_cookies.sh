#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The same, in cookie mode: the ISN of the SYN-ACK has to be greater than what
# the old connection used.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server closing --port 8080 --mode discard --cookies always
for timestamps in 1 0; do
	set_sysctl "$CLIENT" net.ipv4.tcp_timestamps=$timestamps
	for ((i = 0; i < 5; i++)); do
		port=$((40000 + timestamps))
		client -m eof -p $port -t 5000 $FRONT4 8080
		wait_for 3 "TIME_WAIT at the front end" in_time_wait $port
		sleep 0.01
	done
done
stop_server closing
equal "accepted" "$(value accepted "$DIR/closing.log")" 10
finish
