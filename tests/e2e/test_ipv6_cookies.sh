#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# IPv6 by SYN cookies alone.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server echo --bind :: --port 8080 --backlog 1024 --cookies always
client -n 1000 -c 64 -b 300 $FRONT6 8080
client -n 1000 -c 64 -b 300 $FRONT4 8080
equal "SYN-ACKs by state" "$(stat_of synack_state)" 0
stop_server echo
served_by_handfast echo 2000
finish
