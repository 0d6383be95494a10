#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The front end's own connections, to the port number of a listener and from
# it, are the kernel's business and go through the interface untouched.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080 --reuseport
start remote "$CLIENT" "$TOOLS/server" --kernel --port 8080
wait_for 5 "server on the other side" logged remote '^listening'
say "to port 8080 of the other host"
in_front "$TOOLS/client" -n 100 -c 10 -b 20000 $CLIENT4 8080
say "from port 8080, which listens here"
in_front "$TOOLS/client" -n 1 -b 20000 -p 8080 -P $CLIENT4 8080
start remote2 "$CLIENT" "$TOOLS/server" --kernel --port 9090
wait_for 5 "server on the other side" logged remote2 '^listening'
in_front "$TOOLS/client" -n 1 -b 20000 -p 8080 -P $CLIENT4 9090
say "both at once"
client -n 100 -c 10 $FRONT4 8080
stop_server echo
equal "accepted" "$(value accepted "$DIR/echo.log")" 100
finish
