#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ACKs that do not complete the handshake: of something never sent (RST),
# outside the window, with old or future timestamps. The request stays, and
# the right ACK completes it.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080
raw $FRONT4,8080 <<'END'
print an acknowledgement of something else
send S linux
expect SA
send A ack=+2
expect R seq=+2
send A ack=+0
expect R seq=+0
send PA len=10
recv 10
send FA
recv eof

print a sequence number outside the window
new
send S linux
expect SA
send A seq=+100000000 keep
expect A seq=+1 ack=+1
send PA len=10
recv 10
send FA
recv eof

print an old timestamp
new
send S linux
expect SA
send A tsval=-5000 keep
expect A seq=+1 ack=+1
send PA len=10
recv 10
send FA
recv eof

print an RST that is not exactly in place
new
send S linux
expect SA
send R seq=+2 keep
send R seq=+100000000 keep
quiet 100 R
send PA len=10
recv 10
send FA
recv eof
END
stop_server echo
served_by_handfast echo 4
finish
