#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Cookies that were never given are refused: ACKs out of nothing make no
# connection in any mode, a right cookie is worth nothing with other
# addresses or numbers, and none where cookies were not used lately.
. "$(dirname "$0")/lib.sh"

sandbox --attacker
start_handfast f0 f1
needs_handfast
server auto --port 8080
server always --port 8081 --cookies always
raw $FRONT4,8081 <<'END'
print one that is right
send S linux
expect SA
send A ack=+2 keep
expect R
send A ack=+0 keep
expect R
send A seq=+2 keep
await R
send A sport=1234 keep
quiet 200 SA
send PA len=10
recv 10
send FA
recv eof
END
equal "children" "$(made)" 1
for port in 8080 8081; do
	in_attacker "$TOOLS/flood" -f ack -i a0 -d $FLOODED4,$port \
		-m "$FLOODED_MAC" -r 20000 -n 20000 -t 3
done
equal "valid cookies" "$(stat_of redirect_cookie)" 1
equal "children" "$(made)" 1
stop_server auto
stop_server always
finish
