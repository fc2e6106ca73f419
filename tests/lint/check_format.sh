#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-format has nothing to change. Usage: check_format.sh ROOT
set -eu
cd "$1"
folders=
for folder in src tests bench; do
	[ -d "$folder" ] && folders="$folders $folder"
done
# shellcheck disable=SC2086 # words on purpose
files=$(find ${folders:-src} -name '*.[ch]' | sort)
[ -n "$files" ] || {
	echo "$1: nothing to check: name the top of the source tree"
	exit 1
}
# shellcheck disable=SC2086 # words on purpose
clang-format --dry-run -Werror $files 2>&1 || {
	echo "remedy: make fmt"
	exit 1
}
