#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Jumbo frames: in the SYN-ACK's MSS, in bulk, and in the handover.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox --mtu 9000
start_handfast
server echo --port 8080
raw=2
# Frames above 3840 bytes do not come over AF_XDP before Linux 6.6: then only
# clients that send again are served.
if [ "$(printf '%s\n' 6.6 "$(uname -r)" | sort -V | head -n 1)" = 6.6 ]; then
raw $FRONT4,8080 <<'END'
send S mss=8960 sackok ts nop wscale=7
expect SA ack=+1 mss=8960
send PA len=8000
recv 8000
send FA
recv eof

new
send S mss=8960 sackok ts nop wscale=7
expect SA
batch
send A
send PA len=4000
send PA len=2000
send PA len=2000
flush
recv 8000
send FA
recv eof
END
else
	raw=0
fi
client -n 20 -c 4 -b 2000000 $FRONT4 8080
client -a -n 200 -c 20 -b 8900 $FRONT4 8080
stop_server echo
served_by_handfast echo $((raw + 220))
compare_children -- -n 2 -b 50000 $FRONT4
finish
