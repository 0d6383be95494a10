#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A second daemon on the same pins is refused with the first one's pid, and
# the first goes on.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
needs_handfast
server echo --port 8080
refuses "\\b${PIDS[daemon]}\\b" in_front timeout 10 "$BUILD/handfastd" \
	--bpffs "$BPFFS" --socket "$SOCKET"
equal "exit code" "$LAST_CODE" 1
refuses "\\b${PIDS[daemon]}\\b" in_front timeout 10 "$BUILD/handfastd" \
	--bpffs "$BPFFS" --socket "$DIR/other.sock"
[ ! -e "$DIR/other.sock" ] || fail "the second daemon left its socket"
client -n 20 -c 5 $FRONT4 8080
stop_server echo
served_by_handfast echo 20
finish
