#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# iperf3, client to server, through the relay.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
start iperf "$FRONT" iperf3 -s -p 5202
wait_for 5 "iperf3 server" listens 5202
relay relay --listen $FRONT4:5201 --upstream 127.0.0.1:5202
in_client iperf3 -c $FRONT4 -p "$(through_relay 5201 5202)" -t 2 -P 2 --json \
	>"$DIR/result"
between "bytes received" "$(json_sum_received "$DIR/result")" \
	10000000 1000000000000
finish
