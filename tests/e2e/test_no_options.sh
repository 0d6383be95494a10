#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Clients without timestamps, SACK and window scaling, by state and by cookie;
# and one without any option at all.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
set_sysctl "$CLIENT" net.ipv4.tcp_timestamps=0 net.ipv4.tcp_sack=0 \
	net.ipv4.tcp_window_scaling=0
# Shorter by the timestamps that connect() reckoned with.
COMPARE_EXCEPT='rcvbuf|sndbuf|maxseg|snd_mss'
compare_children -- -n 3 -b 50000 $FRONT4
server echo --port 8080
server cookies --port 8081 --cookies always
client -n 200 -c 20 -b 20000 $FRONT4 8080
client -n 200 -c 20 -b 20000 $FRONT4 8081
for port in 8080 8081; do
	raw $FRONT4,$port <<-'END'
	send S
	expect SA ack=+1 mss=1460 wscale=none sackok=0 ts=0
	send A
	send PA len=400
	recv 400
	send FA
	recv eof
	END
done
stop_server echo
stop_server cookies
finish
