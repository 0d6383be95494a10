#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A half-closed connection: all bytes arrive, then the FIN, then the answer.
. "$(dirname "$0")/lib.sh"

sandbox
start_handfast
server sink --port 8080 --mode sink
client -m sink -n 300 -c 30 -b 10 $FRONT4 8080
client -m sink -n 30 -c 10 -b 500000 $FRONT4 8080
stop_server sink
served_by_handfast sink 330
finish
