#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Hostile messages on the control socket: clear errors, no harm to others, no
# descriptor lost.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server echo --port 8080
start load "$CLIENT" "$TOOLS/client" -v -k -c 4 -i 10 $FRONT4 8080
in_front timeout 60 "$TOOLS/garbage" "$SOCKET" "/run/netns/$CLIENT"
running daemon || fail "the daemon died"
client -n 50 -c 5 $FRONT4 8080
stop load || fail "established connections: $(cat "$DIR/load.log")"
stop_server echo
served_by_handfast echo 54
finish
