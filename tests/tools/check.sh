#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# All parts of `make check`, also where one of them fails; the last line is
# the sum of them all.
set -u
out=$BUILD/check
mkdir -p "$out"
passed=0 failed=0 skipped=0

# A part that ends with a line of counts.
run_counted()
{
	local part=$1 counts code=0
	echo "== $part"
	$MAKE --no-print-directory "$part" 2>&1 | tee "$out/$part.out"
	code=${PIPESTATUS[0]}
	counts=$(grep -oE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' \
		"$out/$part.out" | tail -n 1 | tr -dc '0-9 ')
	# shellcheck disable=SC2086
	set -- ${counts:-0 0 0}
	passed=$((passed + $1)) failed=$((failed + $2))
	skipped=$((skipped + $3))
	if [ "$code" != 0 ] && [ "$2" = 0 ]; then
		echo "FAIL  $part ended with $code"
		failed=$((failed + 1))
	fi
}

# A part that is good where it ends well.
run_plain()
{
	echo "== $1"
	if $MAKE --no-print-directory "$1" >"$out/$1.out" 2>&1; then
		passed=$((passed + 1))
	else
		cat "$out/$1.out"
		echo "FAIL  $1"
		failed=$((failed + 1))
	fi
}

run_counted check-unit
run_counted check-bpf
run_plain lint-format
run_plain lint-tidy
run_plain lint-cppcheck
run_counted check-e2e
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
