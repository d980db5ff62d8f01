#!/bin/sh
# Installs the Debian packages that the tests and the benchmark drive: other people's phones, load
# generator, database, router and browser, and the C compiler of race builds. Does nothing if all
# of them are there.
#
#   e2e/install.sh            everything (make test, make bench)
#   e2e/install.sh PACKAGE…   only these
#
# Needs root or a sudo that asks no password; ends with one line that names what is missing if it
# cannot install it.
set -eu

if [ $# -eq 0 ]; then
	set -- gcc libc6-dev \
		baresip-core sip-tester sipsak sox tshark \
		kamailio kamailio-mysql-modules kamailio-sqlite-modules sqlite3 \
		mariadb-server chromium fonts-inter
fi

fail() {
	echo "e2e/install.sh: $*" >&2
	exit 1
}

command -v dpkg-query >/dev/null 2>&1 || fail "this is no Debian; install by hand what stands for: $*"

missing=
for package in "$@"; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	sudo -n true 2>/dev/null || fail "not root and no sudo without a password; run: apt-get install$missing"
	as_root="sudo -n"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# RUNLEVEL=1 keeps the packages' services from being started: the tests start their own, on
# ports of their own.
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
		apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$log" 2>&1
}

echo "e2e/install.sh: installing$missing"
# shellcheck disable=SC2086 # $missing is a list of words
if ! { apt update && apt install --no-install-recommends $missing; }; then
	tail -n 5 "$log" >&2
	fail "could not install$missing (above: the last lines of apt-get)"
fi
