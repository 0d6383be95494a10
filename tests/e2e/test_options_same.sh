#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What an accepted connection has (windows, MSS, options, peer) is what the
# kernel's own listener would have given it, by state and by cookie.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
compare_children -- -n 3 -b 50000 $FRONT4
compare_children --bind $FRONT6 -- -n 3 -b 50000 $FRONT6
# The MSS is one of those that a cookie can tell exactly.
compare_children --cookies always -- -n 3 -b 50000 $FRONT4
ip -n "$CLIENT" route change 192.0.2.0/25 dev c0 advmss 700
compare_children -- -n 3 -b 50000 $FRONT4
ip -n "$CLIENT" route change 192.0.2.0/25 dev c0 advmss 1300
compare_children -- -n 3 -b 50000 $FRONT4
finish
