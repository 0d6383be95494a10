#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# nginx behind the relay sees the clients' addresses by the PROXY protocol.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
start_nginx '127.0.0.1:8000 proxy_protocol'
relay relay --listen 0.0.0.0:80 --upstream 127.0.0.1:8000 --proxy-protocol v2
for ((i = 0; i < 20; i++)); do
	in_client curl -sSf --max-time 10 -o "$DIR/page$i" http://$FRONT4/ &
	pids[i]=$!
done
for pid in "${pids[@]}"; do
	wait "$pid" || fail "curl failed"
done
cmp "$DIR/page7" "$DIR/www/index.html"
in_client curl -sSf --interface $CLIENT4 --local-port 44444 --max-time 10 \
	-o /dev/null http://$FRONT4/last
equal "requests with the client's address" \
	"$(grep -c "^$CLIENT4 " "$DIR/access.log")" 21
grep -q "^$CLIENT4 44444 .*GET /last" "$DIR/access.log"
finish
