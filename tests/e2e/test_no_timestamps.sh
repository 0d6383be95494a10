#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Clients without timestamps, and a front end that has them switched off: the
# child has what the kernel's own would have, and carries data.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
set_sysctl "$CLIENT" net.ipv4.tcp_timestamps=0
# A repaired socket keeps room for the timestamps that connect() reckoned with,
# so its segments are 12 bytes shorter.
COMPARE_EXCEPT='rcvbuf|sndbuf|maxseg|snd_mss'
compare_children -- -n 3 -b 50000 $FRONT4
compare_children --bind $FRONT6 -- -n 3 -b 50000 $FRONT6
server echo --port 8080 --show
client -n 200 -c 20 -b 20000 $FRONT4 8080
stop_server echo
between "snd_mss" "$(value snd_mss "$DIR/echo.log")" 1448 1460
set_sysctl "$CLIENT" net.ipv4.tcp_timestamps=1
set_sysctl "$FRONT" net.ipv4.tcp_timestamps=0
reload_sysctls timestamps 0
COMPARE_EXCEPT=
compare_children -- -n 3 -b 50000 $FRONT4
finish
