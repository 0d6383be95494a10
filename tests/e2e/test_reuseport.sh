#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Two SO_REUSEPORT servers on one port share its connections by flow; when one
# ends, the other has them all.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server one --port 8080 --reuseport
server two --port 8080 --reuseport
client -n 400 -c 20 $FRONT4 8080
stop_server one
accepted=$(value accepted "$DIR/one.log")
between "connections of the first" "$accepted" 100 300
client -n 100 -c 20 $FRONT4 8080
stop_server two
equal "connections of the second" "$(value accepted "$DIR/two.log")" \
	$((500 - accepted))
[ -n "$KERNEL" ] || equal "children" "$(made)" 500
finish
