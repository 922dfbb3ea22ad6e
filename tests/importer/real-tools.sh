#!/bin/sh
# lxcell-import with what the real tools make: lxc-create, runc spec, crun spec, and a definition of libvirt's LXC driver,
# read from its files and over its connection. Each is taken over into a daemon of this build and started, and the sources
# are the same afterwards, byte for byte. Needs root and the packages [import] of cmake/packages.txt.
#   real-tools.sh BUILD
set -eu
build=$(realpath "${1:?usage: real-tools.sh BUILD}")
cd "$(dirname "$0")/../.."
work=$(mktemp -d -t lxcell-import-XXXXXX)
uri="lxcell:///system?socket=$work/root/run/libvirt/virtlxcelld-sock"
passed=0

clean_up() {
  status=$?
  trap - EXIT
  for name in $(virsh -c "$uri" list --name 2>/dev/null); do virsh -q -c "$uri" destroy "$name" >/dev/null; done
  [ ! -s "$work/daemon.pid" ] || kill "$(cat "$work/daemon.pid")" 2>/dev/null || true
  [ ! -d "$work/stock" ] || tests/support/stock-lxc.sh stop "$work/stock"
  rm -rf --one-file-system "$work"
  exit $status
}
trap clean_up EXIT
trap 'exit 130' INT TERM

fail() {
  echo "real-tools: $*" >&2
  [ ! -f "$work/said" ] || sed 's/^/    /' "$work/said" >&2
  exit 1
}
# import STATUS WORDS...: what it said is in $work/said.
import() {
  wanted=$1
  shift
  status=0
  "$build/importer/lxcell-import" -c "$uri" "$@" >"$work/said" 2>&1 || status=$?
  [ $status -eq "$wanted" ] || fail "lxcell-import $*: status $status instead of $wanted"
}
says() {
  grep -qF -- "$1" "$work/said" || fail "missing in the report: $1"
  passed=$((passed + 1))
}
shows() {
  virsh -c "$uri" "$1" "$2" >"$work/said" 2>&1 || fail "virsh $1 $2"
  says "$3"
}
# starts NAME: and answers a command from inside.
starts() {
  virsh -q -c "$uri" start "$1" >"$work/said" 2>&1 || fail "cannot start '$1'"
  virsh -q -c "$uri" lxc-enter-namespace "$1" --noseclabel -- /bin/echo inside >"$work/said" 2>&1 || fail "nothing runs in '$1'"
  says inside
}
fingerprint() {
  find "$work/lxc" "$work/bundles" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum
}

for program in lxc-create runc crun virsh busybox libvirtd; do
  command -v "$program" >/dev/null || fail "no program '$program'"
done
"$build/driver/virtlxcelld" --daemon --root "$work/root" --pid-file "$work/daemon.pid" 2>"$work/said" || fail "no daemon"

# ---- LXC: what the template for busybox makes, with an fstab, an included file, a bridge, a fixed MAC and autostart.
mkdir -p "$work/lxc" "$work/data"
cat >"$work/lxc.conf" <<CONF
lxc.net.0.type = veth
lxc.net.0.name = eth0
lxc.net.0.hwaddr = 00:16:3e:12:34:56
lxc.net.0.ipv4.address = 192.0.2.7/24
lxc.include = $work/extra.conf
lxc.mount.fstab = $work/fstab
lxc.start.auto = 1
CONF
echo 'lxc.cgroup2.memory.max = 96M' >"$work/extra.conf"
echo "$work/data data none bind,create=dir 0 0" >"$work/fstab"
lxc-create -P "$work/lxc" -n web -t busybox -f "$work/lxc.conf" >"$work/said" 2>&1 || fail "lxc-create"
mkdir -p "$work/bundles/runc" "$work/bundles/crun" "$work/lxc/bare" "$work/lxc/broken"
echo "lxc.uts.name = bare" >"$work/lxc/bare/config"
for runtime in runc crun; do
  (cd "$work/bundles/$runtime" && $runtime spec)
  mkdir -p "$work/bundles/$runtime/rootfs/bin" "$work/bundles/$runtime/rootfs/proc" "$work/bundles/$runtime/rootfs/sys" \
    "$work/bundles/$runtime/rootfs/dev"
  cp "$(command -v busybox)" "$work/bundles/$runtime/rootfs/bin/busybox"
  for applet in sh echo; do ln -s busybox "$work/bundles/$runtime/rootfs/bin/$applet"; done
done
before=$(fingerprint)

import 1 --dry-run lxc --from "$work/lxc"
says "web: would be taken over"
says "bare: left out: unsupported configuration: no root filesystem is given: lxc.rootfs.path"
says "<domain type='lxc'>"
[ -z "$(virsh -q -c "$uri" list --all --name)" ] || fail "a dry run defined something"
import 0 lxc --from "$work/lxc" web
says "web: taken over"
says "kept: starts with the host"
says "kept: 96 MiB of memory"
says "kept: root file system $work/lxc/web/rootfs"
says "kept: file system /data from $work/data"
says "kept: interface with an end on the host, 00:16:3e:12:34:56, 192.0.2.7"
says "lost: $work/lxc/web/config:"
says "lxc.signal.halt = SIGUSR1: not converted"
says "1 of 1 taken over"
shows dominfo web "Autostart:      enable"
shows dumpxml web "<ip address='192.0.2.7' family='ipv4' prefix='24'/>"
import 1 lxc --from "$work/lxc" web
says "web: left out: a domain of this name is there already"
import 1 lxc --from "$work/lxc" nobody
says "nobody: left out:"

# ---- OCI
for runtime in runc crun; do
  import 0 oci "$work/bundles/$runtime"
  says "$runtime: taken over"
  says "kept: root file system $work/bundles/$runtime/rootfs, read-only"
  says "lost: process.noNewPrivileges = true"
done
import 0 oci --name job "$work/bundles/runc/"
says "job: taken over"
[ "$(fingerprint)" = "$before" ] || fail "a source was changed"
passed=$((passed + 1))
for name in web runc crun; do starts $name; done

# ---- libvirt's own driver: its files, and its connection.
stock=$(tests/support/stock-lxc.sh start "$work/stock")
"$PWD/examples/make-busybox-rootfs.sh" "$work/stock-root" >/dev/null
sed -e '/^<!--/,/-->$/d' -e 's|<name>busybox<|<name>old<|' -e "s|/var/lib/libvirt/lxcell/examples/busybox|$work/stock-root|" \
  -e "s|<console|<interface type='network'><mac address='52:54:00:01:02:03'/><source network='default'/></interface><console|" \
  -e '/<privnet/d' examples/busybox.xml >"$work/old.xml"
sed -e 's|<name>old<|<name>host<|' -e '/<interface/d' "$work/old.xml" | sed '/<features>/,/<\/features>/d' >"$work/host.xml"
sed -i "s|</devices>|<console type='pty'/></devices>|" "$work/host.xml"
for name in old host; do virsh -q -c "$stock" define "$work/$name.xml" >"$work/said" 2>&1 || fail "stock define"; done
virsh -q -c "$stock" autostart old >/dev/null
uuid=$(virsh -q -c "$stock" domuuid old)
files=$work/stock/etc/lxc
before=$(find "$files" -type f -print0 | sort -z | xargs -0 sha256sum)
import 0 --dry-run libvirt --from "$stock"
says "old: would be taken over"
import 0 libvirt --from "$files" old
says "old: taken over"
says "kept: starts with the host"
says "kept: interface in network default, 52:54:00:01:02:03"
shows domuuid old "$uuid"
shows dominfo old "Autostart:      enable"
import 0 libvirt --from "$stock" host
says "lost: the host's network"
import 1 libvirt --from "$stock" old nobody
says "old: left out: a domain of this name is there already"
says "nobody: left out: there is no persistent domain of this name"
[ "$(find "$files" -type f -print0 | sort -z | xargs -0 sha256sum)" = "$before" ] || fail "a source was changed"
passed=$((passed + 1))

import 2 lxc --no-such-option
echo "lxcell-import with real tools: $passed checks passed"
