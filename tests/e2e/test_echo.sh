#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Bytes come back as they were sent, small and large, many times over.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server echo --port 8080
client -n 300 -c 20 -b 1 $FRONT4 8080
client -n 100 -c 10 -b 1000 -r 20 $FRONT4 8080
client -n 10 -c 5 -b 3000000 $FRONT4 8080
stop_server echo
served_by_handfast echo 410
finish
