#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh [NAME...]: runs end-to-end tests, each in a sandbox of its own
#
# A test with a line "# and with delivery kernel" runs twice, the second time
# with listeners of that delivery; HANDFAST_TEST_DELIVERY=kernel runs any test
# so, once.
#
# BUILD=DIR: where the programs are. JOBS=N: tests at a time; one, or two
# where there are processors for both. Logs stay in BUILD/check/e2e. The last
# line is "N passed, N failed, N skipped"; exit code 1 where any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.." || exit 1
export BUILD=${BUILD:-build}
logs=$BUILD/check/e2e
jobs=${JOBS:-$(($(nproc) >= 4 ? 2 : 1))}
default_timeout=120

if [ "$(id -u)" != 0 ]; then
	echo "run.sh: end-to-end tests make network namespaces and load BPF" \
		"programs: run as root (sudo make check)" >&2
	exit 1
fi
[ -n "${HANDFAST_TEST_KERNEL:-}" ] || for program in handfast handfastd handfast-relay tests/tools/server; do
	if [ ! -x "$BUILD/$program" ]; then
		echo "run.sh: $BUILD/$program is missing: run make first" >&2
		exit 1
	fi
done

results=$(mktemp -d /tmp/handfast-results.XXXXXX)
mkdir -p "$logs"

# What a sandbox should have taken away. Prints what is left.
leftovers()
{
	local id=$1
	ls /run/netns 2>/dev/null | grep "^hf-$id-"
	ls /sys/fs/bpf 2>/dev/null | grep "^handfast-test-$id\$"
	ls -d "/tmp/handfast-e2e.$id" 2>/dev/null
}

run_one() # TEST DELIVERY
{
	local test=$1 name dir code=0 began limit left seconds reason
	export HANDFAST_TEST_DELIVERY=$2
	name=$(basename "$test" .sh)
	name=${name#test_}
	[ "$2" = accept ] || name+=-$2
	dir=$(mktemp -d /tmp/handfast-e2e.XXXXXX)
	limit=$(sed -n 's/^# timeout: \([0-9]*\).*/\1/p' "$test")
	began=$(date +%s%N)
	SANDBOX_DIR=$dir timeout -k 10 "${limit:-$default_timeout}" \
		bash "$test" </dev/null >"$logs/$name.log" 2>&1 || code=$?
	[ $code != 124 ] && [ $code != 137 ] ||
		echo "FAIL: killed after ${limit:-$default_timeout} s" \
			>>"$logs/$name.log"
	left=$(leftovers "${dir##*.}")
	if [ -n "$left" ]; then
		SANDBOX_DIR=$dir bash "$here/lib.sh" --sweep
		echo "FAIL: the test left behind:" "$left" >>"$logs/$name.log"
		[ $code != 0 ] && [ $code != 77 ] || code=1
	fi
	seconds=$((($(date +%s%N) - began) / 100000000))
	seconds=${seconds%?}.${seconds: -1}
	case $code in
	0)
		echo "ok    $name (${seconds/#./0.} s)"
		: >"$results/$name.passed"
		;;
	77)
		reason=$(sed -n 's/^SKIP: //p' "$logs/$name.log" | tail -n 1)
		echo "skip  $name: $reason"
		: >"$results/$name.skipped"
		;;
	*)
		# One write, so that two tests do not mix their lines.
		printf '%s\n' "FAIL  $name (${seconds/#./0.} s)" \
			"$(sed 's/^/      | /' "$logs/$name.log")"
		: >"$results/$name.failed"
		;;
	esac
}

stop_all()
{
	trap - TERM INT
	kill $(jobs -p) 2>/dev/null
	wait
	rm -rf "$results"
	exit 1
}
trap stop_all TERM INT

if [ $# -gt 0 ]; then
	tests=()
	for name in "$@"; do
		test=$here/test_$name.sh
		if [ ! -e "$test" ]; then
			echo "run.sh: no test '$name': $test is missing" >&2
			exit 2
		fi
		tests+=("$test")
	done
else
	tests=("$here"/test_*.sh)
fi

run_soon()
{
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
	run_one "$@" &
}

for test in "${tests[@]}"; do
	run_soon "$test" "${HANDFAST_TEST_DELIVERY:-accept}"
	[ -z "${HANDFAST_TEST_DELIVERY:-}${HANDFAST_TEST_KERNEL:-}" ] || continue
	! grep -qx '# and with delivery kernel' "$test" ||
		run_soon "$test" kernel
done
wait

count()
{
	find "$results" -name "*.$1" | wc -l
}
failed=$(count failed)
echo "$(count passed) passed, $failed failed, $(count skipped) skipped"
rm -rf "$results"
[ "$failed" = 0 ]
