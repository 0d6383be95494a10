#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A server that speaks first is heard at once.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server greeter --port 25 --mode greet
client -m greet -n 500 -c 30 $FRONT4 25
stop_server greeter
served_by_handfast greeter 500
equal "retransmitted SYN-ACKs" "$(daemon_stat synack_retrans)" 0
finish
