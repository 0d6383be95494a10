#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Delivery by the kernel: what it needs, what it refuses, and what it leaves to
# the kernel's own listener. (Many other tests run with it as well.)
. "$(dirname "$0")/lib.sh"
DELIVERY=kernel

pairs()
{
	ip -n "$FRONT" -br link | grep -c '^hf-out' || true
}
passed()
{
	stat_of pass_delivery
}

sandbox
start_handfast
needs_handfast
equal "veth pairs" "$(pairs)" 1
server echo --port 8080 --backlog 256
handfast listeners | grep -qE '8080 .* kernel ' ||
	fail "listeners does not show it: $(handfast listeners)"
client -n 500 -c 50 -b 2000 $FRONT4 8080
equal "made" "$(made)" 500
equal "left to the kernel" "$(passed)" 0
equal "segments of a connection injected" "$(daemon_stat injected)" 0

say "without SYN cookies the kernel does not take them"
set_sysctl "$FRONT" net.ipv4.tcp_syncookies=0
reload_sysctls syncookies 0
client -n 50 -c 5 $FRONT4 8080
equal "made" "$(made)" 500
between "left to the kernel" "$(passed)" 50 60
refuses 'tcp_syncookies=1' in_front "$TOOLS/server" --delivery kernel --port 8081
set_sysctl "$FRONT" net.ipv4.tcp_syncookies=1
reload_sysctls syncookies 1
client -n 50 -c 5 $FRONT4 8080
equal "made" "$(made)" 550
refuses 'bound to a device' in_front "$TOOLS/server" --delivery kernel \
	--device f0 --port 8081

say "a daemon that was killed leaves a pair, the next one has one"
kill -KILL "${PIDS[daemon]}"
wait_end daemon 5 || true
client -n 50 -c 5 $FRONT4 8080
equal "made" "$(made)" 550
start_daemon
wait_for 5 "ring for every queue" healthy
wait_for 5 "return of the listener" eval \
	'client -n 1 $FRONT4 8080 && [ "$(made)" -gt 550 ]'
equal "veth pairs" "$(pairs)" 1

equal "reset by the front end" "$(nstat "$FRONT" OutRsts)" 0

say "without the pair they go by way of the daemon"
made=$(made)
injected=$(daemon_stat injected)
ip -n "$FRONT" link del "$(ip -n "$FRONT" -br link |
	sed -n 's/^\(hf-out[0-9]*\).*/\1/p')"
wait_for 5 "a device without it" config_of_device deliver_ifindex 0
client -n 50 -c 5 $FRONT4 8080
equal "made" "$(made)" $((made + 50))
reached $((injected + 50)) daemon_stat injected ||
	fail "only $(daemon_stat injected) segments were injected"
stop_server echo
equal "accepted" "$(value accepted "$DIR/echo.log")" \
	"$(nstat "$FRONT" PassiveOpens)"
equal "resets" "$(nstat "$CLIENT" EstabResets)" 0

say "the relay has it too"
made=$(made)
server upstream --kernel --bind 127.0.0.1 --port 8091
relay relay --listen $FRONT4:8090 --upstream 127.0.0.1:8091 --delivery kernel
client -n 100 -c 10 -b 3000 $FRONT4 8090
equal "made" "$(made)" $((made + 100))
equal "children of the daemon" "$(daemon_stat children)" 0
finish
