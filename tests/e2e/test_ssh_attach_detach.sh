#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An ssh session through the interface survives attach and detach.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_sshd 22
start session "$CLIENT" "${SSH[@]}" root@$FRONT4 \
	'for i in $(seq 100); do echo line $i; sleep 0.05; done'
wait_for 10 "ssh session" logged session '^line 5$'
for ((i = 0; i < 3; i++)); do
	start_handfast
	sleep 0.2
	[ -n "$KERNEL" ] || handfast detach f0
	[ -n "$KERNEL" ] || stop daemon
	ATTACHED=()
done
wait_end session 20 || fail "the ssh session ended: $(cat "$DIR/session.log")"
equal "lines" "$(grep -c '^line' "$DIR/session.log")" 100
# The pins are gone with the last detach where no daemon runs.
[ -n "$KERNEL" ] || attach f0
finish
