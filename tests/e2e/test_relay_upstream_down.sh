#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# No upstream: the relay says so and resets, and serves again when it is back.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
relay relay --listen $FRONT4:8080 --upstream 127.0.0.1:8000
! client $FRONT4 8080 || fail "served without an upstream"
equal "resets" "$(value reset "$DIR/client.out")" 1
logged relay '127\.0\.0\.1:8000' || fail "the relay did not say so"
server upstream --bind 127.0.0.1 --port 8000 --kernel
client -n 50 -c 10 -b 20000 $FRONT4 8080
client -m sink -n 1 $FRONT4 8080 || true
finish
