#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The same through SYN cookies alone: no state before the ACK.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server echo --port 8080 --backlog 4096 --cookies always
client -n 10000 -c 512 -b 200 $FRONT4 8080
equal "SYN-ACKs by state" "$(stat_of synack_state)" 0
between "SYN-ACKs by cookie" "$(stat_of synack_cookie)" 10000 10100
between "valid cookies" "$(stat_of redirect_cookie)" 10000 10100
for ring in rx_dropped rx_full fill_empty; do
	equal "frames lost ($ring)" "$(daemon_stat ring_$ring)" 0
done
stop_server echo
served_by_handfast echo 10000
finish
