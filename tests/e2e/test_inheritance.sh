#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An accepted connection has the options that were set on its listener, as
# with the kernel's own listener.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
compare_children --inherit -- -n 2 $FRONT4
compare_children --inherit --bind $FRONT6 -- -n 2 $FRONT6
compare_children --inherit --reuseport -- -n 2 $FRONT4
compare_children --inherit --cookies always -- -n 2 $FRONT4
grep -qx 'user_timeout=54321' "$DIR/compared.log" ||
	fail "nothing is inherited: $(cat "$DIR/compared.log")"
finish
