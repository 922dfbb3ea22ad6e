#!/bin/sh
# A private stock libvirtd with its own files and its own network, for tests beside libvirt's other drivers.
#   libvirtd.sh start DIR   starts it with every file below DIR; its sockets are in DIR/run, its network namespace is DIR/net
#   libvirtd.sh kill DIR    ends it with SIGKILL; `start` starts it again on the same files and network
#   libvirtd.sh stop DIR    ends it, its networks and guests, and removes DIR
# It runs in a mount namespace of its own, where libvirt's folders are folders of DIR. The host and a libvirtd running
# on it notice nothing.
set -eu

fail() {
  echo "libvirtd: $*" >&2
  exit 1
}

[ $# -eq 2 ] || fail "start, kill or stop, and a folder, are expected"
dir=$2
case $dir in /*) ;; *) fail "'$dir' is not absolute" ;; esac

answers() {
  virsh -c "network:///system?socket=$dir/run/libvirt-sock" net-list >/dev/null 2>&1
}

start() {
  command -v libvirtd >/dev/null || fail "libvirtd is not installed (package libvirt-daemon)"
  mkdir -p "$dir/run" "$dir/etc" "$dir/lib" "$dir/log" "$dir/cache"
  cat >"$dir/libvirtd.conf" <<CONF
unix_sock_group = "root"
unix_sock_ro_perms = "0777"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:file:$dir/libvirtd.log"
CONF
  [ -e "$dir/etc/qemu.conf" ] || printf '%s\n' 'user = "root"' 'group = "root"' 'security_driver = "none"' \
    'cgroup_controllers = []' 'namespaces = []' 'stdio_handler = "file"' 'remember_owner = 0' >"$dir/etc/qemu.conf"
  if ! [ -e "$dir/net" ]; then
    touch "$dir/net"
    unshare --net="$dir/net" ip link set lo up
  fi
  # The pid is that of libvirtd itself: nsenter, unshare, sh and libvirtd are one process, one exec after the other.
  DIR=$dir setsid nsenter --net="$dir/net" unshare --mount --propagation private sh -c '
    mkdir -p "$DIR/cgroup"
    mount --rbind /sys/fs/cgroup "$DIR/cgroup"
    mount -t sysfs sysfs /sys
    mount --rbind "$DIR/cgroup" /sys/fs/cgroup
    for pair in run:/run/libvirt etc:/etc/libvirt lib:/var/lib/libvirt log:/var/log/libvirt cache:/var/cache/libvirt; do
      mkdir -p "${pair#*:}"
      mount --bind "$DIR/${pair%%:*}" "${pair#*:}"
    done
    echo $$ >"$DIR/pid"
    exec libvirtd --config "$DIR/libvirtd.conf" --pid-file "$DIR/libvirtd.pid"
  ' >>"$dir/output" 2>&1 </dev/null &
  tries=0
  until answers; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ] || { [ -e "$dir/pid" ] && ! kill -0 "$(cat "$dir/pid")" 2>/dev/null; }; then
      tail -n 20 "$dir/output" "$dir/libvirtd.log" >&2 || true
      fail "libvirtd does not answer"
    fi
    sleep 0.1
  done
}

end() {
  pid=$(cat "$dir/pid")
  kill "-$1" "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
  rm -f "$dir/pid"
}

stop() {
  [ -e "$dir/pid" ] || start
  for kind in qemu network; do
    uri="$kind:///system?socket=$dir/run/libvirt-sock"
    list=list destroy=destroy
    [ $kind = qemu ] || list=net-list destroy=net-destroy
    for name in $(virsh -c "$uri" $list --name 2>/dev/null); do
      virsh -c "$uri" $destroy "$name" >/dev/null 2>&1 || true
    done
  done
  end TERM
  umount "$dir/net" 2>/dev/null || true
  rm -rf "$dir"
}

case $1 in
  start) start ;;
  kill) end KILL ;;
  stop) stop ;;
  *) fail "start, kill or stop is expected" ;;
esac
