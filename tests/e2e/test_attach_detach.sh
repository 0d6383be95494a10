#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# attach and detach under load: established connections go on, new ones are
# served all the time.
# timeout: 60
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server echo --port 8080 --backlog 1024
start kept "$CLIENT" "$TOOLS/client" -v -k -c 16 -i 10 $FRONT4 8080
start load "$CLIENT" "$TOOLS/client" -v -d 7 -c 32 -R 300 -x $FRONT4 8080
for ((i = 0; i < 3; i++)); do
	children=$(made)
	wait_for 5 "connections through XDP" \
		reached $((children + 100)) made
	handfast detach f0
	check_xdp_gone f0
	opens=$(nstat "$FRONT" PassiveOpens)
	wait_for 5 "connections through the kernel" \
		reached $((opens + 50)) nstat "$FRONT" PassiveOpens
	handfast attach f0
done
wait_end load 20 || fail "clients failed: $(cat "$DIR/load.log")"
stop kept || fail "established connections: $(cat "$DIR/kept.log")"
equal "connections that went on" "$(value ok "$DIR/kept.log")" 16
# Rings of the interface come and go.
wait_for 5 "ring for every queue" healthy
finish
