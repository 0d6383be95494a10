#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The daemon under exactly the capabilities that it needs, with a listener on
# :443 of an application without privileges: the sockets it gets are its own.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
caps=+bpf,+net_admin,+net_raw,+net_bind_service,+ipc_lock,+chown
DAEMON_WRAPPER=(setpriv --inh-caps=-all,$caps --bounding-set=-all,$caps)
DAEMON_ARGS=(--group nogroup)
start_handfast
needs_handfast
# chown 0, net_bind_service 10, net_admin 12, net_raw 13, ipc_lock 14, bpf 39
mask=$(printf '%016x' $((1 << 0 | 1 << 10 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 39)))
for set in Bnd Eff Prm; do
	have=$(sed -n "s/^Cap$set:\t//p" "/proc/${PIDS[daemon]}/status")
	[ $((0x$have & ~0x$mask)) = 0 ] ||
		fail "the daemon has more than it needs: Cap$set $have"
done
has_uid()
{
	in_front ss -Htne state established "sport = :443" | grep -q "uid:$1"
}
chmod 755 "$DIR"
start web "$FRONT" setpriv --reuid 65534 --regid 65534 --clear-groups \
	--inh-caps=-all,+net_bind_service \
	--ambient-caps=-all,+net_bind_service \
	"$TOOLS/server" --delivery "$DELIVERY" --port 443 --mode http
wait_for 5 "listener" logged web '^listening'
start kept "$CLIENT" nc -d $FRONT4 443
wait_for 5 "connection" has_uid 65534
in_client curl -sSf --max-time 10 -o /dev/null http://$FRONT4:443/
stop kept || true
stop_server web
served_by_handfast web 2
refuses 'EACCES|ermission|group' in_front setpriv --reuid 65533 --regid 65533 \
	--clear-groups "$TOOLS/server" --port 4430
finish
