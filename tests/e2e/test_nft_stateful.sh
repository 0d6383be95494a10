#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Debian's usual stateful rule set on the front end: connections that it saw
# no SYN of get through, whoever speaks first.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
in_front nft -f - <<-'END' || skip "nf_tables with conntrack"
	table inet filter {
		chain input {
			type filter hook input priority 0; policy drop;
			ct state established,related accept
			ct state invalid drop
			iif lo accept
			meta l4proto { icmp, ipv6-icmp } accept
			tcp dport { 25, 8080 } ct state new accept
		}
		chain forward {
			type filter hook forward priority 0; policy drop;
		}
		chain output {
			type filter hook output priority 0; policy accept;
		}
	}
	END
server echo --port 8080
server greeter --port 25 --mode greet
client -n 200 -c 20 -b 20000 $FRONT4 8080
client -m greet -n 200 -c 20 $FRONT4 25
client -m greet -n 50 -c 20 -a $FRONT4 25
stop_server echo
stop_server greeter
equal "accepted" "$(value accepted "$DIR/greeter.log")" 250
finish
