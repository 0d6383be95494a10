#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# curl fetches a page through a listener of libhandfast.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server web --port 80 --mode http --body 100000
in_client curl -sSf --max-time 20 -o "$DIR/page" http://$FRONT4/
equal "length of the page" "$(stat -c %s "$DIR/page")" 100000
stop_server web
served_by_handfast web 1
finish
