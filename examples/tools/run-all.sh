#!/bin/sh
# Runs every tool shown here and keeps what it printed, without what differs from run to run.
#   run-all.sh [DIR]     DIR: where the transcripts go (docs/transcripts)
# virt-manager.sh is run by hand: it needs a window, and takes a minute.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
into=${1:-$tree/docs/transcripts}
mkdir -p "$into"
raw=$(mktemp)
trap 'rm -f "$raw"' EXIT

normalise() {
  sed -E -e "s|$tree/examples/tools/\.\./|examples/|g" -e "s|$tree/||g" -f "$here/normalise.sed" "$1"
}

failed=
for script in "$here"/*.sh; do
  tool=$(basename "$script" .sh)
  case $tool in run-all | stage | staged | virt-manager) continue ;; esac
  status=0
  "$script" >"$raw" 2>&1 </dev/null || status=$?
  case $status in
    0) result=worked ;;
    77) result="left out: $(cat "$raw")" ;;
    *) result="failed with $status" failed="$failed $tool" ;;
  esac
  echo "$tool: $result"
  [ $status = 77 ] || normalise "$raw" >"$into/$tool.txt"
done
[ -z "$failed" ] || { echo "run-all: failed:$failed" >&2; exit 1; }
