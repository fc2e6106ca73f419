#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what nigh needs on Debian 12. Usage: tools/deps.sh build|check|lint|fuzz
#
#   build  compiler, meson and the libraries: enough for `make` and `make install`
#   check  and what the tests and the demo need: real routers, real servers, pytest
#   lint   and the linters
#   fuzz   and clang with libFuzzer and the sanitizers
#
# Installs only what is missing, as root or by sudo, and starts none of the daemons that come with the
# packages: the lab starts its own in network namespaces.
set -eu

build="gcc libc6-dev pkg-config meson ninja-build
	libevent-dev libyaml-dev libjansson-dev libmnl-dev libldns-dev libsystemd-dev libcap-ng-dev scdoc
	libbsd-dev libcmocka-dev libcurl4-openssl-dev libssl-dev"
check="$build iproute2 iputils-ping traceroute procps nftables python3 python3-pytest python3-scapy
	python3-dnspython python3-yaml bind9 bind9-dnsutils nsd knot unbound frr bird2 gobgpd openbgpd exabgp tshark chrony tftpd-hpa
	isc-dhcp-server dnsmasq-base dbus-daemon snmpd freeradius nginx openssl"
lint="$build clang clang-format clang-tidy cppcheck shellcheck binutils python3"
fuzz="$build clang libclang-rt-14-dev llvm"

case "${1-}" in
build) want=$build ;;
check) want=$check ;;
lint) want=$lint ;;
fuzz) want=$fuzz ;;
*)
	echo "usage: $0 build|check|lint|fuzz" >&2
	exit 2
	;;
esac

missing=
for package in $want; do
	case "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)" in
	*" ok installed") ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
	sudo=
elif command -v sudo >/dev/null; then
	sudo=sudo
else
	echo "$0: run as root, or install sudo; missing packages:$missing" >&2
	exit 1
fi

# A policy-rc.d that says no keeps the packages' own daemons from starting. It is put back afterwards.
policy=/usr/sbin/policy-rc.d
added_policy=
if [ "$1" = check ] && [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
	$sudo chmod 755 $policy
	added_policy=yes
fi
trap '[ -z "$added_policy" ] || $sudo rm -f $policy' EXIT

echo "installing:$missing"
# shellcheck disable=SC2086 # words on purpose
install() {
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
}
if ! install >/dev/null 2>&1; then
	$sudo apt-get update -q
	install
fi
