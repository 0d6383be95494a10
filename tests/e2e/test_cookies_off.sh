#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Cookies off: a full table drops SYNs, and nothing is answered by cookie.
. "$(dirname "$0")/lib.sh"

sandbox --attacker
start_handfast f0 f1
needs_handfast
server echo --port 8080 --backlog 16 --cookies off
in_attacker "$TOOLS/flood" -i a0 -d $FLOODED4,8080 -m "$FLOODED_MAC" \
	-r 2000 -n 2000 -t 3
equal "SYN-ACKs by cookie" "$(stat_of synack_cookie)" 0
between "SYNs dropped" "$(stat_of drop_synq_full)" 1900 2000
between "half-open requests" "$(counter fills half_open)" 1 17
set_sysctl "$FRONT" net.ipv4.tcp_synack_retries=1
reload_sysctls synack_retries 1
wait_for 20 "end of the half-open requests" no_requests
client -n 20 -c 5 $FRONT4 8080
stop_server echo
finish
