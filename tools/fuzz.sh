#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every libFuzzer target of a build directory for some seconds each, two at a time. New inputs stay in the
# build directory; crashing inputs are printed and kept in BUILD/crashes.
# Usage: tools/fuzz.sh BUILD_DIR SECONDS
set -u
build=$(cd "${1:?usage: tools/fuzz.sh BUILD_DIR SECONDS}" && pwd)
seconds=${2:?usage: tools/fuzz.sh BUILD_DIR SECONDS}
top=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$build/crashes"
failed=0
targets=$(find "$build/tests/fuzz" -type f -name 'fuzz_*' -perm -u+x ! -name '*_replay' | sort)
[ -n "$targets" ] || {
	echo "no fuzz targets in $build: was it configured with -Dfuzz=true?" >&2
	exit 1
}

run() {
	name=$(basename "$1")
	folder=$(basename "$(dirname "$1")")
	corpus=$build/corpus/$name
	seeds=$top/tests/fuzz/$folder/corpus
	mkdir -p "$corpus" "$seeds"
	if "$1" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$build/crashes/$name-" "$corpus" "$seeds" >"$build/$name.log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")
		echo "$name: clean, $runs runs in $seconds s"
	else
		echo "$name: FAILED"
		tail -40 "$build/$name.log"
		return 1
	fi
}

# shellcheck disable=SC2086 # words on purpose
set -- $targets
while [ $# -gt 0 ]; do
	run "$1" &
	first=$!
	second=
	shift
	if [ $# -gt 0 ]; then
		run "$1" &
		second=$!
		shift
	fi
	wait "$first" || failed=$((failed + 1))
	[ -z "$second" ] || wait "$second" || failed=$((failed + 1))
done
echo "$failed fuzz targets failed"
[ "$failed" -eq 0 ]
