#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# One SYN-ACK for one SYN: a flood from few addresses does not draw more than
# the budget of retransmissions allows.
# timeout: 60
. "$(dirname "$0")/lib.sh"

sandbox --attacker
DAEMON_ARGS=(--synack-budget 20)
start_handfast f0 f1
needs_handfast
server echo --port 8080 --backlog 1024 --cookies off
rx_packets()
{
	in_attacker awk -F'[: ]+' '$2 == "a0" { print $4 }' /proc/net/dev
}
before=$(rx_packets)
in_attacker "$TOOLS/flood" -i a0 -d $FLOODED4,8080 -m "$FLOODED_MAC" \
	-r 500 -n 500 -t 3 -s 200
sleep 7
answers=$(($(rx_packets) - before))
# 500, and 20 a second and prefix for about eight seconds.
between "answers to 500 SYNs" $answers 450 720
between "SYN-ACKs that the budget kept back" \
	"$(daemon_stat synack_budget_spent)" 100 5000
set_sysctl "$FRONT" net.ipv4.tcp_synack_retries=0
reload_sysctls synack_retries 0
stop_server echo
wait_for 20 "end of the half-open requests" no_requests
finish
