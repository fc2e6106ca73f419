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
places=$(clang-format --dry-run $files 2>&1 | sed -n 's/^\([^ ]*:[0-9]*\):[0-9]*: .*/\1/p' | uniq)
for place in $places; do
	echo "$place: not as clang-format lays it out: run make fmt"
done
[ -z "$places" ]
