#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The segment that completes the handshake carries data.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080
raw $FRONT4,8080 <<'END'
send S linux
expect SA ack=+1
send PA len=1000
recv 1000
send FA
recv eof
END
client -a -n 500 -c 32 -b 400 $FRONT4 8080
# More than one segment in the same instant.
client -a -n 100 -c 16 -b 9000 $FRONT4 8080
stop_server echo
served_by_handfast echo 601
finish
