#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: linux-source.sh DIRECTORY
#
# Fetches Debian's linux-source-6.12 and unpacks into DIRECTORY the selftests
# that the benches compare with, and nothing else. They keep their own licences
# and never enter this repository.
set -eu

package=linux-source-6.12
dest=$1
files='
	tools/testing/selftests/bpf/xdp_synproxy.c
	tools/testing/selftests/bpf/bpf_kfuncs.h
	tools/testing/selftests/bpf/test_siphash.h
	tools/testing/selftests/bpf/progs/bpf_compiler.h
	tools/testing/selftests/bpf/progs/bpf_tracing_net.h
	tools/testing/selftests/bpf/progs/test_siphash.h
	tools/testing/selftests/bpf/progs/test_tcp_custom_syncookie.c
	tools/testing/selftests/bpf/progs/test_tcp_custom_syncookie.h
	tools/testing/selftests/bpf/progs/xdp_synproxy_kern.c
	COPYING'

if [ -e "$dest/.complete" ]; then
	exit 0
fi
mkdir -p "$dest"
dest=$(cd "$dest" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
chmod 755 "$work"

echo "linux-source: fetching $package (150 MB)"
if ! (cd "$work" && apt-get -qq -o APT::Sandbox::User=root \
	download "$package"); then
	echo "linux-source: not to be had; try apt-get update first." \
		"Without it the xdp_synproxy cases are skipped" >&2
	exit 1
fi

echo "linux-source: unpacking the selftests"
dpkg-deb --fsys-tarfile "$work/$package"_*.deb |
	tar -xO --wildcards './usr/src/linux-source-*.tar.xz' >"$work/src.tar.xz"
for file in $files; do
	echo "linux-source-*/$file"
done >"$work/list"
# A file that another release lacks is found missing by who compiles it.
tar -xJf "$work/src.tar.xz" -C "$dest" --strip-components=1 \
	--wildcards --no-wildcards-match-slash --anchored -T "$work/list" 2>"$work/log" || true
if [ ! -e "$dest/tools/testing/selftests/bpf/progs/xdp_synproxy_kern.c" ]; then
	cat "$work/log" >&2
	echo "linux-source: $package has no xdp_synproxy" >&2
	exit 1
fi
touch "$dest/.complete"
