#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# attach where something is attached already, by us or by somebody else, or
# where the device cannot: refused in plain words.
. "$(dirname "$0")/lib.sh"

sandbox --attacker
start_handfast
needs_handfast
refuses 'already' handfast attach f0
equal "exit code" "$LAST_CODE" 1
check_served()
{
	server echo --port 8080
	client -n 5 $FRONT4 8080
	stop_server echo
}
check_served
# Another world (pins elsewhere) may not take the interface over.
refuses 'XDP|busy|already|other' in_front "$BUILD/handfast" \
	--bpffs "$BPFFS-other" --socket "$DIR/other.sock" attach f0
[ ! -e "$BPFFS-other" ] || fail "pins were left"
check_served
# The link has to be what detach finds.
refuses 'not attached' handfast detach f1
equal "exit code" "$LAST_CODE" 1
check_served
finish
