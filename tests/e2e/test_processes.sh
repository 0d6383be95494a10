#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Several processes accept from one listener, in every way that there is.
# and with delivery kernel
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
for way in '' --edge --batch; do
	say "with ${way:-level-triggered epoll}"
	# shellcheck disable=SC2086
	server echo --port 8080 --backlog 1024 --processes 4 $way
	client -n 1000 -c 64 -b 500 $FRONT4 8080
	stop_server echo
	equal "accepted" "$(value accepted "$DIR/echo.log")" 1000
	equal "errors" "$(value errors "$DIR/echo.log")" 0
done
finish
