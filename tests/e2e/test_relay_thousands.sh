#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Thousands of connections through the relay at once.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server upstream --bind 127.0.0.1 --port 8000 --kernel --backlog 4096
relay relay --listen $FRONT4:8080 --upstream 127.0.0.1:8000 --backlog 4096
start clients "$CLIENT" "$TOOLS/client" -v -k -c 3000 -i 500 -d 4 \
	$FRONT4 8080
wait_end clients 60 || fail "clients failed: $(cat "$DIR/clients.log")"
equal "connections" "$(value ok "$DIR/clients.log")" 3000
finish
