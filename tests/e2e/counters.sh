# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What can be counted, and scenes that several tests share; a part of lib.sh.

# nstat NAMESPACE NAME: of /proc/net/netstat and snmp
nstat()
{
	nsenter --net="/run/netns/$1" cat /proc/net/netstat /proc/net/snmp |
		awk -v name="$2" '
		$1 == table { for (i = 2; i <= NF; i++)
				if (names[i] == name) print $i }
		{ table = $1; for (i = 2; i <= NF; i++) names[i] = $i }'
}

# counter MAP NAME: a field, summed over CPUs and elements; 0 without handfast
counter()
{
	if [ -n "$KERNEL" ]; then
		echo 0
		return
	fi
	bpftool -j map dump pinned "$BPFFS/$1" |
		grep -oE "\"$2\": ?[0-9]+" |
		awk -F: '{ n += $2 } END { printf "%d\n", n }'
}

stat_of()
{
	counter stats "$1"
}

daemon_stat()
{
	counter daemon_stats "$1"
}

# Connections that XDP's handshakes became.
made()
{
	if [ "$DELIVERY" = kernel ]; then
		stat_of assigned
	else
		daemon_stat children
	fi
}

# config_of_device FIELD VALUE: some device has it
config_of_device()
{
	bpftool -j map dump pinned "$BPFFS/devices" | grep -qE "\"$1\": ?$2\b"
}

elements()
{
	bpftool -j map dump pinned "$BPFFS/$1" | { grep -o '"key"' || true; } |
		wc -l
}

no_requests()
{
	[ "$(elements syn_table)" = 0 ] && [ "$(counter fills half_open)" = 0 ] &&
		[ "$(counter fills acked)" = 0 ]
}

daemon_fds_back()
{
	[ -z "$DAEMON_FDS" ] || [ "$(daemon_fds)" -le "$DAEMON_FDS" ]
}

no_listeners()
{
	! handfast -j listeners | grep -q '"port"'
}

# served_by_handfast NAME N: that server, which has ended, accepted N
# connections, all of them from XDP
served_by_handfast()
{
	equal "accepted" "$(value accepted "$DIR/$1.log")" "$2"
	equal "errors" "$(value errors "$DIR/$1.log")" 0
	[ -z "$KERNEL" ] || return 0
	equal "made" "$(made)" "$2"
	if [ "$DELIVERY" = kernel ]; then
		equal "children of the daemon" "$(daemon_stat children)" 0
		equal "connections that the kernel made" \
			"$(nstat "$FRONT" PassiveOpens)" "$2"
	else
		equal "connections of the kernel's listener" \
			"$(nstat "$FRONT" PassiveOpens)" 0
	fi
}

# drop_first_acks PORT N: the first segments without SYN or RST that the
# client sends there
drop_first_acks()
{
	in_client nft -f - <<-END
	table inet lost {
		chain output {
			type filter hook output priority 0;
			tcp dport $1 tcp flags & (syn | rst) == 0 \
				numgen inc mod 1000000 < $2 counter drop
		}
	}
	END
}

dropped_acks()
{
	in_client nft list table inet lost |
		sed -n "s/.*counter packets \\([0-9]*\\).*/\\1/p"
}

# reached N COMMAND...: what it prints is at least N
reached()
{
	local least=$1
	shift
	[ "$("$@")" -ge "$least" ]
}

# acceptq PORT: how many connections wait there to be accepted
acceptq()
{
	if [ -n "$KERNEL" ]; then
		in_front ss -Hltn "sport = :$1" | awk "{ print \$2 }"
	else
		handfast -j listeners | tr '}' '\n' |
			grep -E "\"port\": ?$1\\b" |
			grep -oE '"acceptq": ?[0-9]+' |
			awk -F: '{ n += $2 } END { printf "%d\n", n }'
	fi
}

acceptq_is()
{
	[ "$(acceptq "$1")" = "$2" ]
}

# established SPORT [CLIENT OPTION...] [-- PORT]: a connection from this port
# that exchanges data until still_established looks at it
established()
{
	local sport=$1 options=() port=8080
	shift
	while [ $# -gt 0 ]; do
		if [ "$1" = -- ]; then
			port=$2
			break
		fi
		options+=("$1")
		shift
	done
	start "established$sport" "$CLIENT" "$TOOLS/client" -v -k -p "$sport" \
		"${options[@]}" $FRONT4 "$port"
	wait_for 5 "established connection from $sport" has_connection "$sport"
}

has_connection()
{
	in_front ss -Htn state established "dport = :$1" | grep -q .
}

still_established()
{
	local log=$DIR/established$1.log
	running "established$1" || fail "the connection from $1 ended: $(cat "$log")"
	has_connection "$1" || fail "the front end has no connection from $1"
	stop "established$1" || fail "the connection from $1: $(cat "$log")"
	equal "connections that went on" "$(value ok "$log")" 1
}

# compare_children [SERVER OPTION...] -- [CLIENT OPTION...] ADDR: what
# connections are like that handfast made, and that the kernel's own listener
# made. What they both showed is in $DIR/compared.log.
COMPARE_PORT=10000
compare_children()
{
	local options=() port
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	COMPARE_PORT=$((COMPARE_PORT + 2))
	port=$COMPARE_PORT
	server offloaded --show --port $port \
		${options[@]+"${options[@]}"}
	server reference --show --port $((port + 1)) --kernel \
		${options[@]+"${options[@]}"}
	client "$@" $port
	client "$@" $((port + 1))
	stop_server offloaded
	stop_server reference
	shown offloaded >"$DIR/compared.log"
	shown reference >"$DIR/compared.reference"
	[ -s "$DIR/compared.log" ] || fail "no connection was shown"
	diff "$DIR/compared.reference" "$DIR/compared.log" >"$DIR/compared.diff" ||
		fail "the kernel's and ours differ: $(cat "$DIR/compared.diff")"
}

# Lines of --show without what differs by chance (ports, buffers that tune
# themselves) and without $COMPARE_EXCEPT.
shown()
{
	grep '^peer=' "$DIR/$1.log" |
		sed 's/^peer=\([^,]*\),[0-9]* local=\([^,]*\),[0-9]*/peer=\1 local=\2/' |
		tr ' ' '\n' |
		sed -E "/^(${COMPARE_EXCEPT:-rcvbuf|sndbuf})=/d"
}

# in_time_wait SPORT: the front end holds that client's port in TIME_WAIT
in_time_wait()
{
	in_front ss -Htn state time-wait "dport = :$1" | grep -q .
}

acceptq_at_least()
{
	[ "$(acceptq "$1")" -ge "$2" ]
}

established_count()
{
	in_front ss -Htn state established | wc -l
}

# Waits, 15 seconds at most, for half a second in which not all processors
# were busy.
calm_machine()
{
	local i calm=0
	for ((i = 0; i < 150 && calm < 5; i++)); do
		sleep 0.1
		# "runnable/all": this shell's child is one of them.
		[ "$(cut -d' ' -f4 /proc/loadavg | cut -d/ -f1)" -le 1 ] &&
			calm=$((calm + 1)) || calm=0
	done
}
