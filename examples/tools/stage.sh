#!/bin/sh
# Runs a command as on a host where lxcell is installed: virtlxcelld serves lxcell:///system, and the root filesystem
# of examples/busybox.xml is made. Needs root and a built tree.
#   stage.sh [--qemu] COMMAND [WORD...]     --qemu: stock libvirtd with its QEMU driver serves qemu:///system as well
# All of it is in namespaces of its own (mounts and network), so the host and the daemons on it notice nothing; what was
# made goes when the command has ended. LXCELL_DAEMON names a virtlxcelld other than that of build/.
set -eu

fail() {
  echo "stage: $*" >&2
  exit 1
}

tree=$(cd "$(dirname "$0")/../.." && pwd)
if [ -z "${LXCELL_STAGE:-}" ]; then
  [ "$(id -u)" = 0 ] || fail "needs root: it makes namespaces and containers"
  [ $# -gt 0 ] || fail "a command is expected"
  exec env LXCELL_STAGE=entered unshare --mount --net --propagation private "$0" "$@"
fi
unset LXCELL_STAGE
export LXCELL_STAGED=yes

qemu=
if [ "$1" = --qemu ]; then
  command -v libvirtd >/dev/null || fail "libvirtd is not installed (packages libvirt-daemon, libvirt-daemon-driver-qemu)"
  qemu=yes
  shift
fi
daemon=${LXCELL_DAEMON:-$tree/build/driver/virtlxcelld}
[ -x "$daemon" ] || fail "'$daemon' is not there; cmake/build.sh dev virtlxcelld lxcell-supervisor makes it"

ip link set lo up
# A sysfs of this network, with the cgroups of the host.
mount --rbind /sys/fs/cgroup /mnt
mount -t sysfs sysfs /sys
mount --rbind /mnt /sys/fs/cgroup
umount -l /mnt
for folder in /etc/libvirt /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
  mkdir -p "$folder"
  mount -t tmpfs -o mode=755 lxcell-stage "$folder"
done
export HOME=/var/cache/libvirt/home XDG_RUNTIME_DIR=/run/libvirt/user LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
unset XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME LIBVIRT_DEFAULT_URI
mkdir -p "$HOME"
mkdir -m 700 -p "$XDG_RUNTIME_DIR"
cd "$HOME"

# until_there FILE PID LOG: waits for a daemon's socket.
until_there() {
  for _ in $(seq 300); do
    [ ! -S "$1" ] || return 0
    kill -0 "$2" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$3" >&2
  fail "no daemon made '$1'"
}
# Ends the domains of a URI, then the daemon that has them, and waits for it.
end() {
  for name in $(timeout 20 virsh -q -c "$1" list --name 2>/dev/null); do
    timeout 20 virsh -q -c "$1" destroy "$name" >/dev/null 2>&1 || true
  done
  kill "$2" 2>/dev/null || true
  wait "$2" 2>/dev/null || true
}
clean_up() {
  status=$?
  trap - EXIT
  [ -z "${lxcell_pid:-}" ] || end lxcell:///system "$lxcell_pid"
  [ -z "${qemu_pid:-}" ] || end qemu:///system "$qemu_pid"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

"$tree/examples/make-busybox-rootfs.sh" >/dev/null
if [ -n "$qemu" ]; then
  printf '%s\n' 'unix_sock_group = "root"' 'auth_unix_ro = "none"' 'auth_unix_rw = "none"' >/etc/libvirt/libvirtd.conf
  printf '%s\n' 'user = "root"' 'group = "root"' 'security_driver = "none"' 'cgroup_controllers = []' \
    'namespaces = []' 'stdio_handler = "file"' 'remember_owner = 0' >/etc/libvirt/qemu.conf
  setsid libvirtd --pid-file /run/libvirt/libvirtd.pid >/var/log/libvirt/libvirtd.log 2>&1 </dev/null &
  qemu_pid=$!
  until_there /run/libvirt/libvirt-sock "$qemu_pid" /var/log/libvirt/libvirtd.log
fi
setsid "$daemon" >/var/log/libvirt/virtlxcelld.log 2>&1 </dev/null &
lxcell_pid=$!
until_there /run/libvirt/virtlxcelld-sock "$lxcell_pid" /var/log/libvirt/virtlxcelld.log

# In the background and waited for, so that the traps above are heard at once.
"$@" <&0 &
wait $!
