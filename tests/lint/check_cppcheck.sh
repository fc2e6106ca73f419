#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cppcheck over src/. A finding that is wrong is suppressed in its place, with the reason behind it:
# /* cppcheck-suppress ID ; reason */. Usage: check_cppcheck.sh ROOT
set -eu
cd "$1"
# Of the system's headers only those with the list and tree macros are given; cppcheck knows the others by tables
# of its own. These forbid the NULL that accept4() and recv() take, and demand functions for threads, of which
# there are none. Null pointers are looked for by clang-tidy.
bsd=$(pkg-config --variable=includedir libbsd)/bsd/sys
cppcheck --enable=warning,performance,portability --inline-suppr --error-exitcode=1 --quiet -j2 \
	--std=c11 --library=posix,gnu -D_GNU_SOURCE -D__linux__ -Isrc --include="$bsd/queue.h" --include="$bsd/tree.h" \
	--suppress=missingInclude --suppress=missingIncludeSystem --suppress=nullPointer \
	--suppress=getpwnamCalled --suppress=getgrnamCalled --suppress=readdirCalled \
	--template='{file}:{line}: {id}: {message}' src 2>&1
