#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The relay keeps half-closed connections open in the other direction.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server upstream --bind 127.0.0.1 --port 8000 --kernel --mode sink
relay relay --listen $FRONT4:8080 --upstream 127.0.0.1:8000
client -m sink -n 200 -c 50 -b 100000 $FRONT4 8080
stop_server upstream
equal "bytes that arrived" "$(value bytes_in "$DIR/upstream.log")" 20000000
finish
