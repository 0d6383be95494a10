#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A listener on a link-local IPv6 address.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
address=$(ip -n "$FRONT" -6 -o addr show dev f0 scope link |
	sed 's/.*inet6 \([^/]*\).*/\1/')
server echo --bind "$address%f0" --port 8080
start clients "$CLIENT" "$TOOLS/client" -n 50 -c 10 "$address%c0" 8080
wait_end clients 20 || fail "clients failed: $(cat "$DIR/clients.log")"
stop_server echo
served_by_handfast echo 50
finish
