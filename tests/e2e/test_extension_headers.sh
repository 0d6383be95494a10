#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# IPv4 options and IPv6 extension headers before the TCP header: answered, and
# the connection works.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --bind :: --port 8080
# No-operation options.
raw $FRONT4,8080 <<'END'
send S linux ipopt=0101010101010100
expect SA ack=+1
send PA len=100 ipopt=0101010101010100
recv 100
send FA
recv eof
END
raw $FRONT6,8080 <<'END'
print hop by hop
send S linux first=0 ext=0600010400000000
expect SA ack=+1
send PA len=100 first=0 ext=0600010400000000
recv 100
send FA
recv eof

print destination options
new
send S linux first=60 ext=0600010400000000
expect SA ack=+1
send PA len=100 first=60 ext=0600010400000000
recv 100
send FA
recv eof

print hop by hop and destination options
new
send S linux first=0 ext=3c000104000000000600010400000000
expect SA ack=+1
send PA len=100
recv 100
send FA
recv eof
END
stop_server echo
served_by_handfast echo 4
finish
