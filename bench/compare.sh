#!/bin/sh
# Times our daemon and libvirt's own LXC driver in one run, cycle by cycle in turn, and prints both with their ratio.
#   compare.sh BUILD_DIR [options of lifecycle_bench, such as --cycles 100]
# LXCELL_BENCH=network_bench measures interfaces instead, beside a veth pair made by hand; LXCELL_BENCH=stats_bench
# statistics: --many lxcell gives ours a thousand containers and stock thirty.
# Root only. Both daemons are private to this run and are gone afterwards.
set -eu
[ $# -ge 1 ] || {
  sed -n '2,6s/^# *//p' "$0" >&2
  exit 2
}
if [ -z "${LXCELL_BENCH_NAMESPACE:-}" ]; then
  # A mount namespace for the tmpfs mounts below, which go with it.
  LXCELL_BENCH_NAMESPACE=yes exec unshare --mount --propagation slave "$0" "$@"
fi
ulimit -n "$(ulimit -H -n)"
build=$1
shift
support=$(dirname "$0")/../tests/support
dir=$(mktemp -d "${TMPDIR:-/tmp}/lxcell-bench-XXXXXX")
ours=$dir/ours
daemon=

clean_up() {
  if [ -n "$daemon" ]; then
    kill -TERM "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  [ ! -e "$dir/stock/pid" ] || "$support/stock-lxc.sh" stop "$dir/stock" || true
  umount "$ours/run" "$dir/stock/run" 2>/dev/null || true
  rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 143' HUP INT TERM

# As on a real host, definitions are on disk and /run is memory.
mkdir -p "$ours/run" "$dir/stock/run"
mount -t tmpfs tmpfs "$ours/run"
mount -t tmpfs tmpfs "$dir/stock/run"
"$build/driver/virtlxcelld" --root "$ours" >"$ours/output" 2>&1 &
daemon=$!
socket=$ours/run/libvirt/virtlxcelld-sock
tries=0
until virsh -c "lxcell:///system?socket=$socket" version >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ $tries -gt 100 ] || ! kill -0 "$daemon" 2>/dev/null; then
    cat "$ours/output" >&2
    echo "compare: virtlxcelld does not answer" >&2
    exit 1
  fi
  sleep 0.1
done
stock=$("$support/stock-lxc.sh" start "$dir/stock")
"$build/bench/${LXCELL_BENCH:-lifecycle_bench}" --uri "lxcell=lxcell:///system?socket=$socket" --uri "stock=$stock" "$@"
