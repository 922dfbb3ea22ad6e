#!/bin/sh
# A private stock libvirtd whose LXC driver works on any cgroup layout, so that the system suite can be run against it.
#   stock-lxc.sh start DIR   starts it with every file below DIR and prints its URI
#   stock-lxc.sh stop DIR    ends it (containers too) and removes DIR
# It runs in a mount namespace of its own: /run/libvirt, /etc/libvirt, /var/lib/libvirt, /var/log/libvirt and
# /var/cache/libvirt are folders of DIR there, and on a hybrid host /sys/fs/cgroup/unified is unmounted there, because
# stock cannot start a container beside it (defect G1). The host and a libvirtd running on it notice nothing.
set -eu

usage() {
  sed -n '2,4s/^# *//p' "$0" >&2
  exit 2
}

fail() {
  echo "stock-lxc: $*" >&2
  exit 1
}

[ $# -eq 2 ] || usage
action=$1
dir=$2
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
uri="lxc:///system?socket=$dir/run/libvirt-sock"

start() {
  [ "$(id -u)" = 0 ] || fail "needs root"
  command -v libvirtd >/dev/null || fail "libvirtd is not installed (package libvirt-daemon)"
  [ -n "$(find /usr/lib /usr/lib64 -name libvirt_driver_lxc.so 2>/dev/null | head -n 1)" ] ||
    fail "libvirt's LXC driver is not installed (package libvirt-daemon-driver-lxc)"
  [ ! -e "$dir/pid" ] || fail "'$dir' is in use"
  mkdir -p "$dir/run" "$dir/etc" "$dir/lib" "$dir/log" "$dir/cache"
  cat >"$dir/libvirtd.conf" <<CONF
unix_sock_group = "root"
unix_sock_ro_perms = "0777"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:file:$dir/libvirtd.log"
CONF
  # The pid is that of libvirtd itself: unshare, sh and libvirtd are one process, one exec after the other.
  DIR=$dir setsid unshare --mount --propagation private sh -c '
    if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
    for pair in run:/run/libvirt etc:/etc/libvirt lib:/var/lib/libvirt log:/var/log/libvirt cache:/var/cache/libvirt; do
      mkdir -p "${pair#*:}"
      mount --bind "$DIR/${pair%%:*}" "${pair#*:}"
    done
    echo $$ >"$DIR/pid"
    exec libvirtd --config "$DIR/libvirtd.conf" --pid-file "$DIR/libvirtd.pid"
  ' >"$dir/output" 2>&1 </dev/null &
  tries=0
  until virsh -c "$uri" version >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ]; then
      cat "$dir/output" "$dir/libvirtd.log" >&2 || true
      fail "libvirtd did not answer within 60 s"
    fi
    sleep 0.2
  done
  echo "$uri"
}

stop() {
  [ -e "$dir/pid" ] || fail "nothing was started in '$dir'"
  pid=$(cat "$dir/pid")
  for name in $(virsh -c "$uri" list --name 2>/dev/null); do
    virsh -c "$uri" destroy "$name" >/dev/null 2>&1 || true
  done
  if kill -TERM "$pid" 2>/dev/null; then
    tries=0
    while kill -0 "$pid" 2>/dev/null; do
      tries=$((tries + 1))
      [ $tries -lt 100 ] || kill -KILL "$pid" 2>/dev/null || true
      sleep 0.1
    done
  fi
  # A caller may have mounted something at DIR/run.
  umount "$dir/run" 2>/dev/null || true
  rm -rf "$dir"
}

case $action in
  start) start ;;
  stop) stop ;;
  *) usage ;;
esac
