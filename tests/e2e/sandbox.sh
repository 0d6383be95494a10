# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Network namespaces of a test; a part of lib.sh.

in_client()
{
	nsenter --net="/run/netns/$CLIENT" "$@"
}

in_front()
{
	nsenter --net="/run/netns/$FRONT" "$@"
}

in_attacker()
{
	nsenter --net="/run/netns/$ATTACKER" "$@"
}

set_sysctl()
{
	local ns=$1
	shift
	nsenter --net="/run/netns/$ns" sysctl -qw "$@"
}

mac_of()
{
	ip -n "$1" -o link show "$2" | sed 's/.*link\/ether \([^ ]*\).*/\1/'
}

# Frames that XDP_TX sends to a veth are seen at once only where that end has an
# XDP program too and runs NAPI (GRO, on before the links go up). And XDP would
# see partial checksums, did the sending end offload them.
link_up()
{
	local ns=$1 dev=$2 mtu=$3
	nsenter --net="/run/netns/$ns" ethtool -K "$dev" gro on tx off \
		>/dev/null 2>&1
	ip -n "$ns" link set "$dev" mtu "$mtu" up
}

let_all_pass()
{
	nsenter --net="/run/netns/$1" ip link set "$2" xdp \
		obj "$TOOLS/pass.bpf.o" sec xdp.frags
}

link_is_up()
{
	ip -n "$1" -o link show "$2" | grep -qw LOWER_UP
}

make_namespace()
{
	ip netns add "$1"
	ip -n "$1" link set lo up
	set_sysctl "$1" net.ipv6.conf.all.disable_ipv6=0 \
		net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.default.router_solicitations=0
}

# make_link NS1 DEV1 NS2 DEV2 QUEUES MTU: the second end is the front end's
make_link()
{
	local queues="numrxqueues $5 numtxqueues $5"
	# shellcheck disable=SC2086
	ip link add "$2" netns "$1" $queues type veth \
		peer name "$4" netns "$3" $queues
	link_up "$1" "$2" "$6"
	link_up "$3" "$4" "$6"
	let_all_pass "$1" "$2"
}

kernel_assigns()
{
	grep -qw bpf_sk_assign_tcp_reqsk /proc/kallsyms
}

# sandbox [--queues N] [--mtu N] [--attacker]
sandbox()
{
	local queues=1 mtu=1500 attacker=
	while [ $# -gt 0 ]; do
		case $1 in
		--queues) queues=$2; shift ;;
		--mtu) mtu=$2; shift ;;
		--attacker) attacker=1 ;;
		*) fail "sandbox: no option $1" ;;
		esac
		shift
	done
	[ "$(id -u)" = 0 ] || fail "end-to-end tests need root"
	[ "$DELIVERY" = accept ] || kernel_assigns ||
		skip "delivery kernel: no bpf_sk_assign_tcp_reqsk (Linux 6.9)"
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
	make_namespace "$CLIENT"
	make_namespace "$FRONT"
	make_link "$CLIENT" c0 "$FRONT" f0 "$queues" "$mtu"
	ip -n "$CLIENT" addr add $CLIENT4/25 dev c0
	ip -n "$CLIENT" addr add $CLIENT6/64 dev c0 nodad
	ip -n "$FRONT" addr add $FRONT4/25 dev f0
	ip -n "$FRONT" addr add $FRONT6/64 dev f0 nodad
	CLIENT_MAC=$(mac_of "$CLIENT" c0)
	FRONT_MAC=$(mac_of "$FRONT" f0)
	local raw
	for raw in $RAW4 $RAW6; do
		ip -n "$FRONT" neigh replace "$raw" lladdr "$CLIENT_MAC" \
			dev f0 nud permanent
	done
	[ -z "$attacker" ] || add_attacker "$mtu"
	wait_for 10 "link between the namespaces" link_is_up "$CLIENT" c0
	wait_for 10 "link between the namespaces" link_is_up "$FRONT" f0
}

add_attacker()
{
	make_namespace "$ATTACKER"
	make_link "$ATTACKER" a0 "$FRONT" f1 1 "$1"
	ip -n "$ATTACKER" addr add $ATTACKER4/25 dev a0
	ip -n "$ATTACKER" addr add $ATTACKER6/64 dev a0 nodad
	ip -n "$FRONT" addr add $FLOODED4/25 dev f1
	ip -n "$FRONT" addr add $FLOODED6/64 dev f1 nodad
	ip -n "$FRONT" route add 198.18.0.0/15 via $ATTACKER4
	ip -n "$FRONT" route add 2001:db8:ff::/48 via $ATTACKER6
	FLOODED_MAC=$(mac_of "$FRONT" f1)
	wait_for 10 "link to the attacker" link_is_up "$ATTACKER" a0
}
