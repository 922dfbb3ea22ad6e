#!/bin/sh
# Runs the system suite against libvirt's own LXC driver, to show that the tests demand what stock clients rely on.
#   compare-stock.sh PATH/TO/system_test [gtest options]
# What stock gets wrong is skipped, and each skip says what.
set -eu
[ $# -ge 1 ] || {
  sed -n '2,4s/^# *//p' "$0" >&2
  exit 2
}
program=$1
shift
support=$(dirname "$0")/../support
dir=$(mktemp -d "${TMPDIR:-/tmp}/lxcell-stock-XXXXXX")
trap '"$support/stock-lxc.sh" stop "$dir" || true' EXIT
trap 'exit 143' HUP INT TERM
uri=$("$support/stock-lxc.sh" start "$dir")
LXCELL_TEST_URI=$uri LXCELL_TEST_PEER=stock "$program" "$@"
