#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A flood of ACKs for no connection: clients are served, and once the guard
# has seen it, the ACKs are dropped and not answered one by one.
# timeout: 60
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox --attacker
start_handfast f0 f1
needs_handfast
server echo --port 8080 --backlog 256
start kept "$CLIENT" "$TOOLS/client" -v -k -c 8 -i 10 $FRONT4 8080
start flood "$ATTACKER" "$TOOLS/flood" -f ack -i a0 -d $FLOODED4,8080 \
	-m "$FLOODED_MAC" -r 40000 -n 200000 -t 5
client -d 4 -c 16 -R 200 -b 1000 $FRONT4 8080
wait_end flood 10
sent=$(value sent "$DIR/flood.log")
between "dropped of $sent" "$(stat_of drop_ack_unknown)" $((sent / 2)) $sent
between "RSTs sent by the kernel" "$(nstat "$FRONT" OutRsts)" 0 $((sent / 2))
equal "children" "$(made)" \
	$(($(value ok "$DIR/client.out") + 8))
stop kept || fail "established connections: $(cat "$DIR/kept.log")"
stop_server echo
finish
