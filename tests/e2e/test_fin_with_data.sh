#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The completing segment carries data and the FIN, or these follow at once.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server sink --port 8080 --mode sink
raw $FRONT4,8080 <<'END'
print all in one segment
send S linux
expect SA
send FPA len=700
recv data=700\n within=5000
recv eof

print the FIN without data
new
send S linux
expect SA
send FA
recv data=0\n
recv eof

print ACK, data and FIN in one batch
new
send S linux
expect SA
batch
send A
send PA len=100
send FPA len=100
flush
recv data=200\n
recv eof

print the FIN before the data that it follows
new
send S linux
expect SA
batch
send A
send FPA len=50 seq=+101
send PA len=100 seq=+1
flush
recv data=150\n
recv eof
END
stop_server sink
served_by_handfast sink 4
equal "bytes that arrived" "$(value bytes_in "$DIR/sink.log")" 1050
finish
