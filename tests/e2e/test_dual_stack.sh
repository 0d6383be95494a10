#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A listener on [::] serves IPv4 too, and shows it as ::ffff:a.b.c.d, as the
# kernel's own listener does.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
compare_children --bind :: -- -n 1 $FRONT4
grep -qx "peer=::ffff:$CLIENT4" "$DIR/compared.log" ||
	fail "no v4-mapped peer: $(cat "$DIR/compared.log")"
compare_children --bind :: -- -n 1 $FRONT6
finish
