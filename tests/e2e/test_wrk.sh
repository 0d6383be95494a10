#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# wrk fetches from nginx behind the relay, a connection a request, while
# hping3 sends SYNs from random addresses: no request fails.
# timeout: 60
. "$(dirname "$0")/lib.sh"

sandbox --attacker
start_handfast f0 f1
needs_handfast
start_nginx 127.0.0.1:8000
relay relay --listen 0.0.0.0:80 --upstream 127.0.0.1:8000 --backlog 256
start flood "$ATTACKER" hping3 -q -I a0 -S -p 80 --rand-source -i u100 \
	-c 50000 $FLOODED4
wait_for 5 "cookies" reached 1000 stat_of synack_cookie
in_client wrk -t 2 -c 32 -d 4s --timeout 10s -H 'Connection: close' \
	http://$FRONT4/ >"$DIR/wrk.out"
cat "$DIR/wrk.out"
running flood || fail "the flood ended before wrk did"
stop flood || true
requests=$(awk '/requests in/ {print $1}' "$DIR/wrk.out")
between "requests" "$requests" 200 1000000
! grep -E "Socket errors|Non-2xx" "$DIR/wrk.out" || fail "wrk saw errors"
between "children" "$(daemon_stat children)" "$requests" $((requests + 64))
set_sysctl "$FRONT" net.ipv4.tcp_synack_retries=1
reload_sysctls synack_retries 1
stop relay
wait_for 20 "end of the half-open requests" no_requests
finish
