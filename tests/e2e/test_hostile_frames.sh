#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Frames that deserve no answer get none, and thousands of damaged ones do no
# harm.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080
raw $FRONT4,8080 <<END
print bad checksums
send S linux csum=bad
send S linux ipcsum=bad
print fragments
send S linux mf
send S linux frag=8
print not SYNs
send SF linux
send SR linux
send SFRPAU linux
print impossible sources
send S linux src=$FRONT4
send S linux src=127.0.0.1
send S linux src=224.0.0.1
send S linux src=255.255.255.255
send S linux src=0.0.0.0
print impossible destinations
send S linux dst=255.255.255.255
send S linux dst=224.0.0.1
send S linux dmac=02:00:00:00:00:99
send S linux dmac=ff:ff:ff:ff:ff:ff
print lengths
send S linux iplen=39
send S linux iplen=2000
send S linux ihl=4
send S linux ihl=15
send S linux doff=4
send S linux doff=15
send S linux ipver=5
send S linux cut=50
send S linux cut=34
print tags of no VLAN device
send S linux vlan=7
send S linux svlan=7 vlan=8
quiet 700 SA
print a padded one is good
new
send S pad=60
expect SA
send R
END
raw $FRONT6,8080 <<END
print IPv6
send S linux csum=bad
send S linux mf
send S linux frag=8
send S linux src=$FRONT6
send S linux src=::1
send S linux src=::
send S linux src=ff02::1
send S linux dst=ff02::1
send S linux iplen=2000
send S linux iplen=19
quiet 700 SA
END
for seed in 1 2 3 4 5; do
	raw $FRONT4,8080 'fuzz 4000 seed='$seed
	raw $FRONT6,8080 'fuzz 4000 seed='$seed
done
[ -n "$KERNEL" ] || running daemon || fail "the daemon died"
client -n 100 -c 10 $FRONT4 8080
stop_server echo
# Some of the damaged frames were good SYNs; they are not waited for.
set_sysctl "$FRONT" net.ipv4.tcp_synack_retries=1
reload_sysctls synack_retries 1
[ -n "$KERNEL" ] || wait_for 20 "end of the half-open requests" no_requests
finish
