#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Clients without the option tcp_sack switches off: the child has
# what the kernel's own would have, and carries data.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
set_sysctl "$CLIENT" net.ipv4.tcp_sack=0
compare_children -- -n 3 -b 50000 $FRONT4
compare_children --bind $FRONT6 -- -n 3 -b 50000 $FRONT6
server echo --port 8080
client -n 200 -c 20 -b 20000 $FRONT4 8080
stop_server echo
set_sysctl "$CLIENT" net.ipv4.tcp_sack=1
set_sysctl "$FRONT" net.ipv4.tcp_sack=0
reload_sysctls sack 0
compare_children -- -n 3 -b 50000 $FRONT4
finish
