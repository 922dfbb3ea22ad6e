#!/bin/sh
# Installs the packages of cmake/packages.txt that are missing; says nothing and needs no root when none is.
#   install-packages.sh [build|test|beside|example|package|tool|vm]...     all groups if none is named
set -eu
list=$(dirname "$0")/packages.txt

wanted() {
  awk -v groups="$*" '
    BEGIN { split(groups, names, " "); for (i in names) take[names[i]] = 1 }
    { sub(/#.*/, "") }
    /^\[/ { gsub(/[^a-z]/, ""); group = $0; seen[group] = 1; next }
    NF && (groups == "" || group in take) && !printed[$1]++ { print $1 }
    END { for (name in take) if (!(name in seen)) { print "no group \"" name "\"" >"/dev/stderr"; exit 2 } }
  ' "$list"
}

is_installed() {
  dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -q '^installed'
}

command -v dpkg-query >/dev/null || {
  echo "install-packages: this is no Debian system; install by other means what $list names" >&2
  exit 1
}
packages=$(wanted "$@")
missing=
for package in $packages; do
  is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
  echo "install-packages: missing:$missing" >&2
  echo "install-packages: run as root: apt-get install --no-install-recommends$missing" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
install="apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 --no-install-recommends"
echo "installing:$missing"
# The index is fetched only when it cannot name what is missing, or names files that are gone by now.
# shellcheck disable=SC2086
if ! $install --simulate install $missing >/dev/null 2>&1 || ! $install install $missing; then
  apt-get -q update
  $install install $missing
fi
