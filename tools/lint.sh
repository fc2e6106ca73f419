#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every check of tests/lint/ over the tree, and first the check of the checks. Prints a line for each, and
# what is wrong below those that fail. Builds what is not built yet. Usage: tools/lint.sh [BUILD_DIR]
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$top/build}
output=$(mktemp)
trap 'rm -f "$output"' EXIT
failed=0

# run NAME COMMAND...
run() {
	name=$1
	shift
	start=$(date +%s%N)
	if "$@" >"$output" 2>&1; then
		verdict=ok
	else
		verdict=FAILED
		failed=$((failed + 1))
	fi
	spent=$((($(date +%s%N) - start) / 100000000))
	printf '%-10s %-6s %3d.%d s\n' "$name" "$verdict" $((spent / 10)) $((spent % 10))
	[ "$verdict" = ok ] || sed 's/^/    /' "$output"
}

if [ ! -e "$build/build.ninja" ]; then
	echo "$build is not a build directory: run meson setup $build" >&2
	exit 2
fi
run build ninja -C "$build"
run selfcheck "$top/tests/lint/selfcheck.sh"
for check in format layers globals length headers words shell cppcheck tidy; do
	for script in "$top/tests/lint/check_$check".*; do
		run "$check" "$script" "$top" "$build"
	done
done
echo "$failed failed"
[ "$failed" -eq 0 ]
