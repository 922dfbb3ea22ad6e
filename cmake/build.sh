#!/bin/sh
# Configures a preset quietly and builds with one progress line (a terminal) or twenty lines (a log).
#   build.sh PRESET [-DNAME=VALUE...] [TARGET...]
set -eu
cd "$(dirname "$0")/.."
preset=$1
shift
defines=
while [ $# -gt 0 ]; do
  case $1 in -D*) defines="$defines $1" ;; *) break ;; esac
  shift
done
build=build
[ "$preset" = dev ] || build=build-$preset

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086
if ! cmake --preset "$preset" $defines >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
[ $# -eq 0 ] || set -- --target "$@"
if [ -t 1 ]; then
  NINJA_STATUS="[%f/%t %es] " cmake --build "$build" "$@"
  exit
fi
# Ninja's exit status has to outlive the pipe, and sh has no pipefail.
{
  status=0
  NINJA_STATUS="[%f/%t %es] " cmake --build "$build" "$@" 2>&1 || status=$?
  echo "exit $status"
} | awk '
  /^exit [0-9]+$/ { status = $2; next }
  /^\[[0-9]+\/[0-9]+ / { split(substr($1, 2), at, "/"); step = int(20 * at[1] / at[2])
    if (step != last) { last = step; print; fflush() }
    next }
  { print; fflush() }
  END { exit status }'
