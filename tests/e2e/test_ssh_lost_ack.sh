#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ssh through the relay, though the ACK of the handshake and the first data
# segment are lost.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
start_sshd 2222
relay relay --listen $FRONT4:22 --upstream 127.0.0.1:2222
port=$(through_relay 22 2222)
drop_first_acks "$port" 2
equal "answer" "$(in_client "${SSH[@]}" -p "$port" root@$FRONT4 echo hello)" \
	hello
equal "dropped segments" "$(dropped_acks)" 2
finish
