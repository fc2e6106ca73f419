#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs shellcheck over every shell script: what is named *.sh, and what begins with a shell's "#!".
# Usage: check_shell.sh ROOT
set -eu
cd "$1"
list=$(mktemp)
trap 'rm -f "$list"' EXIT
find . \( -name '.?*' -o -name 'build*' -o -path ./doc \) -prune -o -type f -print | sort |
	while read -r file; do
		case $file in
		*.sh) echo "$file" ;;
		*) head -c 64 "$file" | head -n 1 | grep -aqE '^#! *(/usr)?/bin/(env )?(ba|da|k)?sh( |$)' && echo "$file" ;;
		esac || true
	done >"$list"
[ -s "$list" ] || {
	echo "$1: nothing to check: name the top of the source tree"
	exit 1
}
xargs shellcheck --format=gcc <"$list"
