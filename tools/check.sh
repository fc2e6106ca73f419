#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every test of a build directory: what meson knows (units, vectors, goldens, scenarios, fuzz corpora),
# then the lab with real routers and servers. Ends with "N passed, N failed".
# Usage: tools/check.sh BUILD_DIR [unit|lab]
set -u
build=${1:?usage: tools/check.sh BUILD_DIR [unit|lab]}
only=${2-}
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$build" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
passed=0
failed=0

# Adds the counts of a JUnit file; a suite that did not report has failed.
count() {
	# shellcheck disable=SC2046 # two words on purpose
	set -- $(/usr/bin/python3 "$top/tools/junit_count.py" "$1")
	passed=$((passed + $1))
	failed=$((failed + $2))
}

if [ "$only" != lab ]; then
	"$top/tools/as-root.sh" meson test -C "$build" --no-rebuild --print-errorlogs --num-processes 2
	count "$build/meson-logs/testlog.junit.xml"
fi
if [ "$only" != unit ]; then
	NIGH_BUILD=$build "$top/tools/as-root.sh" /usr/bin/python3 -m pytest -q -p no:cacheprovider \
		--junitxml "$out/lab.xml" "$top/tests/lab"
	count "$out/lab.xml"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
