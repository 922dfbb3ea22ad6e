#!/bin/sh
# Defines every document of tests/data/corpus here and in libvirt's own LXC driver and compares what both print.
#   compare-xml.sh PATH/TO/virtlxcelld [FILE.xml...]
# Succeeds when only those differ that tests/data/corpus/differences.txt lists. Needs root, libvirtd and python3-libvirt.
set -eu
[ $# -ge 1 ] || {
  sed -n '2,4s/^# *//p' "$0" >&2
  exit 2
}
daemon=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
support=$here/../support
corpus=$here/../data/corpus
dir=$(mktemp -d "${TMPDIR:-/tmp}/lxcell-xml-XXXXXX")
pid=
stop() {
  [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
  [ ! -e "$dir/stock/pid" ] || "$support/stock-lxc.sh" stop "$dir/stock" || true
  rm -rf "$dir"
}
trap stop EXIT
trap 'exit 143' HUP INT TERM

mkdir "$dir/ours" "$dir/stock"
"$daemon" --root "$dir/ours" >"$dir/ours/output" 2>&1 </dev/null &
pid=$!
ours="lxcell:///system?socket=$dir/ours/run/libvirt/virtlxcelld-sock"
stock=$("$support/stock-lxc.sh" start "$dir/stock")
tries=0
until virsh -c "$ours" version >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ $tries -gt 100 ] || ! kill -0 "$pid" 2>/dev/null; then
    cat "$dir/ours/output" >&2
    exit 1
  fi
  sleep 0.1
done
[ $# -gt 0 ] || set -- "$corpus"/*.xml
"$here/compare_xml.py" "$ours" "$stock" "$corpus/differences.txt" "$@"
