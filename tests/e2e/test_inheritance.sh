#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An accepted connection has the options that were set on its listener, as
# with the kernel's own listener.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
# They set the sizes of the buffers, too.
COMPARE_EXCEPT=none
compare_children --inherit -- -n 2 $FRONT4
compare_children --inherit --bind $FRONT6 -- -n 2 $FRONT6
compare_children --inherit --reuseport -- -n 2 $FRONT4
compare_children --inherit --cookies always -- -n 2 $FRONT4
server limited --port 8080 --inherit
raw $FRONT4,8080 'send S linux; expect SA mss=1240; send R'
stop_server limited
grep -qx 'user_timeout=54321' "$DIR/compared.log" ||
	fail "nothing is inherited: $(cat "$DIR/compared.log")"
finish
