#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Floods of RSTs and SYN-ACKs, and of SYNs for a port where nobody listens:
# no harm, and nothing of it is answered by XDP.
. "$(dirname "$0")/lib.sh"

sandbox --attacker
start_handfast f0 f1
needs_handfast
server echo --port 8080 --backlog 256
start kept "$CLIENT" "$TOOLS/client" -v -k -c 8 -i 10 $FRONT4 8080
for kind in rst synack; do
	in_attacker "$TOOLS/flood" -f $kind -i a0 -d $FLOODED4,8080 \
		-m "$FLOODED_MAC" -r 20000 -n 20000 -t 3
done
in_attacker "$TOOLS/flood" -i a0 -d $FLOODED4,8081 -m "$FLOODED_MAC" \
	-r 20000 -n 20000 -t 3
equal "SYN-ACKs by XDP" \
	$(($(stat_of synack_state) + $(stat_of synack_cookie))) 8
client -n 100 -c 10 $FRONT4 8080
stop kept || fail "established connections: $(cat "$DIR/kept.log")"
stop_server echo
served_by_handfast echo 108
finish
