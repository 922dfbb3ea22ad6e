#!/bin/sh
# How long a daemon takes to start with many definitions: from its exec to the first complete list.
#   load.sh BUILD_DIR [COUNT]     COUNT: 10000 unless told
set -eu
[ $# -ge 1 ] || {
  sed -n '2,3s/^# *//p' "$0" >&2
  exit 2
}
build=$1
count=${2:-10000}
dir=$(mktemp -d "${TMPDIR:-/tmp}/lxcell-load-XXXXXX")
daemon=
clean_up() {
  if [ -n "$daemon" ]; then
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 143' HUP INT TERM

mkdir -p "$dir/etc/libvirt/lxcell"
awk -v count="$count" -v folder="$dir/etc/libvirt/lxcell" 'BEGIN {
  for (i = 1; i <= count; i++) {
    file = sprintf("%s/web%d.xml", folder, i)
    printf "<domain type=\"lxc\">\n  <name>web%d</name>\n  <uuid>6f1c1b0e-96a1-4bb2-8f4c-%012x</uuid>\n", i, i > file
    print "  <memory unit=\"KiB\">65536</memory>\n  <currentMemory unit=\"KiB\">65536</currentMemory>" > file
    print "  <vcpu placement=\"static\">1</vcpu>\n  <resource>\n    <partition>/machine</partition>\n  </resource>" > file
    print "  <os>\n    <type arch=\"x86_64\">exe</type>\n    <init>/sbin/init</init>\n  </os>" > file
    print "  <features>\n    <privnet/>\n  </features>\n  <clock offset=\"utc\"/>" > file
    print "  <devices>\n    <filesystem type=\"mount\" accessmode=\"passthrough\">" > file
    printf "      <source dir=\"/srv/web%d\"/>\n      <target dir=\"/\"/>\n    </filesystem>\n", i > file
    printf "    <interface type=\"bridge\">\n      <mac address=\"52:54:00:%02x:%02x:01\"/>\n", i / 256 % 256, i % 256 > file
    print "      <source bridge=\"br0\"/>\n    </interface>\n    <console type=\"pty\"/>\n  </devices>\n</domain>" > file
    close(file)
  }
}'
socket=$dir/run/libvirt/virtlxcelld-sock
began=$(date +%s%N)
"$build/driver/virtlxcelld" --root "$dir" >"$dir/output" 2>&1 &
daemon=$!
until [ -S "$socket" ]; do
  kill -0 "$daemon" 2>/dev/null || { cat "$dir/output" >&2; exit 1; }
  sleep 0.01
done
found=$(virsh -c "lxcell:///system?socket=$socket" list --all --name | grep -c web || true)
ended=$(date +%s%N)
echo "$found of $count definitions listed after $(((ended - began) / 1000000)) ms, daemon's memory $(sed -n 's/^VmRSS:[^0-9]*//p' "/proc/$daemon/status")"
[ "$found" -eq "$count" ]
