#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A spoofed SYN flood on one interface, clients on the other: all are served,
# and the flood is answered by cookies without filling any table.
# timeout: 60
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox --attacker
start_handfast f0 f1
needs_handfast
server echo --port 8080 --backlog 256
start flood "$ATTACKER" "$TOOLS/flood" -i a0 -d $FLOODED4,8080 \
	-m "$FLOODED_MAC" -r 20000 -n 120000 -t 6
wait_for 5 "cookies" reached 1000 stat_of synack_cookie
client -d 4 -c 16 -R 200 -b 1000 $FRONT4 8080
between "clients" "$(value ok "$DIR/client.out")" 600 900
between "half-open requests" "$(counter fills half_open)" 1 256
wait_end flood 10
sent=$(value sent "$DIR/flood.log")
answered=$(($(stat_of synack_state) + $(stat_of synack_cookie)))
between "answers to $sent SYNs and the clients'" "$answered" \
	$((sent * 9 / 10)) $((sent + 900))
equal "children" "$(made)" "$(value ok "$DIR/client.out")"
# The requests end with the SYN-ACK timer; not waited for here.
set_sysctl "$FRONT" net.ipv4.tcp_synack_retries=1
reload_sysctls synack_retries 1
stop_server echo
wait_for 20 "end of the half-open requests" no_requests
finish
