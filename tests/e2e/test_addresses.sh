#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A wildcard listener answers on every address of the host, also on one that
# comes later, and no more on one that goes.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server all --bind :: --port 8080
client -n 10 $FRONT4 8080
ip -n "$FRONT" addr add 192.0.2.9/25 dev f0
ip -n "$FRONT" addr add 2001:db8:1::9/64 dev f0 nodad
sleep 0.3
children=$(made)
client -n 10 192.0.2.9 8080
client -n 10 2001:db8:1::9 8080
[ -n "$KERNEL" ] ||
	equal "children" "$(made)" $((children + 20))
ip -n "$FRONT" addr del 192.0.2.9/25 dev f0
sleep 0.3
# A frame for it still comes in, and is no longer ours.
raw 192.0.2.9,8080 <<-'END'
	send S linux
	quiet 500
END
stop_server all
equal "accepted" "$(value accepted "$DIR/all.log")" 30
finish
