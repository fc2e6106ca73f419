#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a command as root: directly when we are root, by sudo otherwise. The lab needs network namespaces.
set -eu
if [ "$(id -u)" -eq 0 ]; then
	exec "$@"
fi
if ! command -v sudo >/dev/null; then
	echo "$1 needs root (network namespaces): run make as root, or install sudo" >&2
	exit 1
fi
exec sudo --preserve-env=NIGH_BUILD "$@"
