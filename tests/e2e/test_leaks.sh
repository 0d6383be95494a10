#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# After thousands of connections, resets, half-open requests and listeners
# that come and go, descriptors, map entries and memory are back.
# timeout: 180
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
set_sysctl "$FRONT" net.ipv4.tcp_synack_retries=1
start_handfast
needs_handfast
memory()
{
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/${PIDS[daemon]}/status"
}
round()
{
	server echo --port 8080 --backlog 1024
	server other --bind :: --port 8081 --cookies always
	client -n 2000 -c 128 -x $FRONT4 8080
	client -n 500 -c 64 -x $FRONT6 8081
	raw $FRONT4,8080 'fuzz 2000 seed=7'
	for ((i = 0; i < 30; i++)); do
		printf '%s\n' new 'send S linux' 'expect SA' batch 'send A' \
			'send PA len=100' 'send R' flush
	done | raw $FRONT4,8080
	stop_server echo
	stop_server other
	wait_for 15 "empty syn_table" no_requests
	wait_for 10 "end of all listeners" no_listeners
	wait_for 10 "return of the daemon's descriptors" daemon_fds_back
}
round
round
before=$(memory)
for ((n = 0; n < 4; n++)); do
	round
done
between "growth of the daemon's memory, KB" $(($(memory) - before)) \
	-100000 1000
finish
