#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every error that a user can make is told in plain words, with exit code 1
# (it failed) or 2 (usage), and leaves nothing behind.
. "$(dirname "$0")/lib.sh"

sandbox
needs_handfast
code()
{
	equal "exit code" "$LAST_CODE" "$1"
}
say "usage"
refuses 'nothing is attached' handfast; code 1
refuses 'atach.*attach|nknown' handfast atach f0; code 2
refuses 'IFACE|interface' handfast attach; code 2
refuses 'f1|operand|too many' handfast attach f0 f1; code 2
refuses 'option|--frobnicate' handfast attach f0 --frobnicate; code 2
refuses 'native.*skb|mode' handfast attach f0 -m fast; code 2
refuses 'value|argument|mode' handfast attach f0 -m; code 2
refuses 'number|seconds' handfast attach f0 --try never; code 2
refuses 'number|seconds' handfast attach f0 --try 0; code 2
refuses 'operand|f0|takes' handfast status f0; code 2
refuses 'nknown|nosuch' handfast help nosuch; code 2
handfast help | grep -q attach
handfast attach --help | grep -q IFACE

say "interfaces"
refuses 'nosuch0' handfast attach nosuch0; code 1
refuses 'nosuch0|not attached' handfast detach nosuch0; code 1
refuses 'not attached|f0' handfast detach f0; code 1
refuses '' handfast features nosuch0; code 1
refuses 'loopback|lo' handfast attach lo; code 1

say "places"
refuses '/tmp|bpf' in_front "$BUILD/handfast" --bpffs /tmp/handfast-test \
	attach f0; code 1
refuses "$BPFFS|attach|nothing" handfast status; code 1
for command in listeners requests stats; do
	refuses "$BPFFS|attach|daemon" handfast $command; code 1
done

say "privileges"
refuses 'CAP_BPF.*CAP_NET_ADMIN' in_front setpriv --reuid 65534 --regid 65534 \
	--clear-groups "$BUILD/handfast" --bpffs "$BPFFS" attach f0; code 1
refuses 'CAP_|ermission|root' in_front setpriv --reuid 65534 --regid 65534 \
	--clear-groups "$BUILD/handfastd" --bpffs "$BPFFS" --socket "$SOCKET"

say "daemon and relay"
daemon=(in_front timeout 5 "$BUILD/handfastd" --bpffs "$BPFFS")
refuses 'option|frobnicate' "${daemon[@]}" --frobnicate; code 2
refuses 'key-epoch|number|seconds' "${daemon[@]}" --key-epoch soon; code 2
refuses 'synack-budget|number' "${daemon[@]}" --synack-budget -3; code 2
refuses 'group|nosuchgroup' "${daemon[@]}" --socket "$SOCKET" \
	--group nosuchgroup
refuses 'proc|socket' "${daemon[@]}" --socket /proc/a.sock
relay=(in_front timeout 5 "$BUILD/handfast-relay")
refuses 'listen' "${relay[@]}" --upstream 127.0.0.1:80; code 2
refuses 'upstream' "${relay[@]}" --listen 0.0.0.0:80; code 2
refuses 'nonsense|address' "${relay[@]}" --listen nonsense --upstream \
	127.0.0.1:80; code 2
refuses 'handfastd|daemon|sock' "${relay[@]}" --listen 0.0.0.0:80 \
	--upstream 127.0.0.1:80; code 1
refuses 'No such file|refused' in_front "$TOOLS/server" --port 80; code 1

[ ! -e "$BPFFS" ] || fail "pins were left: $(ls "$BPFFS")"
check_xdp_gone f0
finish
