#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# cmocka.sh BUILD LABEL BINARY...: runs cmocka test programs
#
# Shows what failed, and as its last line "N passed, N failed, N skipped". A
# program that crashes, or that a sanitizer stops, counts as one failure more.
set -u
build=$1 label=$2
shift 2
logs=$build/check/$label
mkdir -p "$logs"
passed=0 failed=0 skipped=0

for binary in "$@"; do
	name=$(basename "$binary")
	log=$logs/$name.log
	code=0
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 300 "$binary" \
		</dev/null >"$log" 2>&1 || code=$?
	bad=$(grep -c '^not ok' "$log")
	skips=$(grep -ciE '^ok .*# *skip' "$log")
	good=$(grep -c '^ok' "$log")
	good=$((good - skips))
	# Something went wrong outside of any test.
	if [ $code != 0 ] && [ "$bad" = 0 ]; then
		bad=1
	fi
	if [ $code = 0 ] && [ $((good + skips)) = 0 ]; then
		good=1
	fi
	passed=$((passed + good)) failed=$((failed + bad))
	skipped=$((skipped + skips))
	if [ "$bad" != 0 ]; then
		echo "FAIL  $label/$name (exit code $code)"
		sed 's/^/      | /' "$log" | grep -v '| ok ' | tail -n 100
	else
		echo "ok    $label/$name ($good passed, $skips skipped)"
		grep -iE '^ok .*# *skip' "$log" | sed 's/^/      | /'
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
