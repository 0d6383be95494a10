#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The ACK of the handshake is lost and the server speaks first: the
# retransmitted SYN-ACK draws another ACK, and the greeting comes.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server greeter --port 25 --mode greet
drop_first_acks 25 1
client -m greet -t 10000 $FRONT4 25
equal "dropped ACKs" "$(dropped_acks)" 1
# The timer's first period is a second.
between "milliseconds" "$(value max_ms "$DIR/client.out" | cut -d. -f1)" \
	900 4000
stop_server greeter
served_by_handfast greeter 1
[ -n "$KERNEL" ] ||
	between "retransmitted SYN-ACKs" "$(daemon_stat synack_retrans)" 1 2
finish
