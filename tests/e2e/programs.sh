# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Programs of a test: daemon, servers, clients; a part of lib.sh.

# start NAME NAMESPACE COMMAND...: in the background, its output in a log.
start()
{
	local name=$1 ns=$2
	shift 2
	nsenter --net="/run/netns/$ns" "$@" <&0 >"$DIR/$name.log" 2>&1 &
	PIDS[$name]=$!
}

running()
{
	kill -0 "${PIDS[$1]}" 2>/dev/null
}

not_running()
{
	! running "$1"
}

# stop NAME [SIGNAL]: and returns its exit code.
stop()
{
	local pid=${PIDS[$1]} code=0 i
	kill "-${2:-TERM}" "$pid" 2>/dev/null || true
	for ((i = 0; i < 200; i++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	if kill -0 "$pid" 2>/dev/null; then
		kill -KILL "$pid"
		fail "$1 did not end within 10 s of SIG${2:-TERM}"
	fi
	wait "$pid" 2>/dev/null || code=$?
	unset "PIDS[$1]"
	return $code
}

# wait_end NAME SECONDS: waits for it to end by itself; its exit code.
wait_end()
{
	local code=0
	wait_for "$2" "end of $1" not_running "$1"
	wait "${PIDS[$1]}" || code=$?
	unset "PIDS[$1]"
	return $code
}

logged()
{
	grep -qE -- "$2" "$DIR/$1.log"
}

handfast()
{
	in_front "$BUILD/handfast" --bpffs "$BPFFS" --socket "$SOCKET" "$@"
}

# start_daemon [OPTION...]
start_daemon()
{
	start daemon "$FRONT" ${DAEMON_WRAPPER[@]+"${DAEMON_WRAPPER[@]}"} \
		"$BUILD/handfastd" --bpffs "$BPFFS" --socket "$SOCKET" "$@"
	wait_for 10 "control socket of the daemon" daemon_ready
}

daemon_ready()
{
	running daemon && "$TOOLS/ready" "$SOCKET"
}

daemon_fds()
{
	find "/proc/${PIDS[daemon]}/fd" -mindepth 1 -maxdepth 1 | wc -l
}

attach()
{
	handfast attach "$@"
	ATTACHED+=("$1")
}

# start_handfast [-m MODE] [IFACE...]: daemon and interfaces (f0).
start_handfast()
{
	local mode=(-m native) dev
	[ -z "$KERNEL" ] || return 0
	if [ "${1:-}" = -m ]; then
		mode=(-m "$2")
		shift 2
	fi
	[ $# -gt 0 ] || set -- f0
	for dev in "$@"; do
		attach "$dev" "${mode[@]}"
	done
	start_daemon ${DAEMON_ARGS[@]+"${DAEMON_ARGS[@]}"}
	wait_for 10 "ring for every queue" healthy
	DAEMON_FDS=$(daemon_fds)
}

# The daemon runs, and every attached interface has its rings.
healthy()
{
	handfast status
}

# server NAME [OPTION...]: waits until it listens.
server()
{
	local name=$1
	shift
	[ -z "$KERNEL" ] || set -- "$@" --kernel
	[ -n "$KERNEL" ] || set -- --delivery "$DELIVERY" "$@"
	start "$name" "$FRONT" "$TOOLS/server" "$@"
	wait_for 10 "listener of $name" logged "$name" '^listening on'
}

# Ends a server; its statistics are in its log then.
stop_server()
{
	stop "$1" || fail "server $1 ended with $?"
}

# value NAME FILE: of the last NAME=VALUE in it
value()
{
	sed -n "s/.*\\b$1=\\([^ ]*\\).*/\\1/p" "$2" | tail -n 1
}

# client [OPTION...] ADDR PORT: counters in $DIR/client.out
client()
{
	local code=0
	in_client "$TOOLS/client" "$@" >"$DIR/client.out" || code=$?
	cat "$DIR/client.out"
	return $code
}

# raw DST,PORT [rawtcp's options and script]: from $RAW4 or $RAW6, on c0
raw()
{
	local to=$1 from=$RAW4
	shift
	[[ $to != *:* ]] || from=$RAW6
	in_client "$TOOLS/rawtcp" -i c0 -s "${RAW_FROM:-$from}" -d "$to" \
		-m "$FRONT_MAC" "$@"
}

# reload_sysctls FIELD VALUE: until this field of the configuration has it
reload_sysctls()
{
	[ -z "$KERNEL" ] || return 0
	kill -HUP "${PIDS[daemon]}"
	wait_for 5 "new value of $1" config_is "$1" "$2"
}

config_is()
{
	[ "$(counter config "$1")" = "$2" ]
}

# listens PORT: the front end has a kernel listener there
listens()
{
	in_front ss -Hltn "sport = :$1" | grep -q .
}

# relay NAME --listen ADDR:PORT ...: waits until it listens
relay()
{
	local name=$1 port=${3##*:}
	shift
	[ -z "$KERNEL" ] || return 0
	start "$name" "$FRONT" "$BUILD/handfast-relay" "$@"
	wait_for 5 "listener of $name" listens "$port"
}

# The port that clients use: the relay's, or its upstream's own.
through_relay()
{
	if [ -n "$KERNEL" ]; then
		echo "$2"
	else
		echo "$1"
	fi
}

# start_sshd PORT: root may log in with "${SSH[@]}"
start_sshd()
{
	ssh-keygen -q -t ed25519 -N '' -f "$DIR/host_key"
	ssh-keygen -q -t ed25519 -N '' -f "$DIR/user_key"
	cat >"$DIR/sshd_config" <<-END
		Port $1
		HostKey $DIR/host_key
		AuthorizedKeysFile $DIR/user_key.pub
		PidFile none
		StrictModes no
		UsePAM no
		PermitRootLogin yes
	END
	SSH=(ssh -F none -i "$DIR/user_key" -o BatchMode=yes
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
		-o LogLevel=ERROR -o ConnectTimeout=20)
	mkdir -p /run/sshd
	start sshd "$FRONT" /usr/sbin/sshd -D -e -f "$DIR/sshd_config"
	wait_for 5 "sshd" listens "$1"
}

# start_nginx LISTEN: pages of $DIR/www; the client's address of the PROXY
# protocol in $DIR/access.log
start_nginx()
{
	mkdir -p "$DIR/www" "$DIR/nginx"
	head -c 20000 /dev/zero | tr '\0' x >"$DIR/www/index.html"
	cp "$DIR/www/index.html" "$DIR/www/last"
	cat >"$DIR/nginx.conf" <<-END
		user root;
		worker_processes 1;
		pid $DIR/nginx/pid;
		error_log $DIR/nginx.log;
		events { worker_connections 4096; }
		http {
			log_format real '\$proxy_protocol_addr '
				'\$proxy_protocol_port "\$request" \$status';
			access_log $DIR/access.log real;
			client_body_temp_path $DIR/nginx/body;
			proxy_temp_path $DIR/nginx/proxy;
			fastcgi_temp_path $DIR/nginx/fastcgi;
			uwsgi_temp_path $DIR/nginx/uwsgi;
			scgi_temp_path $DIR/nginx/scgi;
			server { listen $1; root $DIR/www; }
		}
	END
	start nginx "$FRONT" nginx -c "$DIR/nginx.conf" -p "$DIR/nginx" \
		-e "$DIR/nginx.log" -g 'daemon off;'
	local port=${1%% *}
	wait_for 5 "nginx" listens "${port##*:}"
}

# Sum of "bytes" that iperf3's JSON says were received.
json_sum_received()
{
	sed -n '/"sum_received"/,/}/s/.*"bytes":[^0-9]*\([0-9]*\).*/\1/p' "$1"
}
