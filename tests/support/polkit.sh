#!/bin/sh
# A private message bus with a polkitd on it, for tests of who may do what.
#   polkit.sh start DIR   starts both; the bus is unix:path=DIR/bus, the rules are DIR/rules/*.rules, the log DIR/polkitd.log
#   polkit.sh stop DIR    ends both and removes DIR
# polkitd runs in a mount namespace of its own, where its folders of rules are DIR/rules and an empty one; the actions
# are the host's. The host and a polkitd running on it notice nothing.
set -eu

fail() {
  echo "polkit: $*" >&2
  exit 1
}

[ $# -eq 2 ] || fail "start or stop, and a folder, are expected"
dir=$2
case $dir in /*) ;; *) fail "'$dir' is not absolute" ;; esac

polkitd() {
  for path in /usr/lib/polkit-1/polkitd /usr/libexec/polkitd /usr/libexec/polkit-1/polkitd; do
    if [ -x $path ]; then echo $path && return; fi
  done
  fail "polkitd is not installed (package polkitd)"
}

start() {
  command -v dbus-daemon >/dev/null || fail "dbus-daemon is not installed (package dbus-daemon)"
  program=$(polkitd)
  mkdir -p "$dir/rules" "$dir/none"
  chmod 755 "$dir" "$dir/rules" "$dir/none"
  cat >"$dir/bus.conf" <<CONF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=$dir/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow send_type="signal"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
</busconfig>
CONF
  DBUS_SYSTEM_BUS_ADDRESS="unix:path=$dir/bus"
  export DBUS_SYSTEM_BUS_ADDRESS
  setsid dbus-daemon --config-file="$dir/bus.conf" --nofork --nopidfile >"$dir/bus.log" 2>&1 </dev/null &
  echo $! >"$dir/bus.pid"
  wait_for "$dir/bus"
  DIR=$dir PROGRAM=$program setsid unshare --mount --propagation private sh -c '
    mkdir -p /etc/polkit-1/rules.d
    mount --bind "$DIR/rules" /etc/polkit-1/rules.d
    mount --bind "$DIR/none" /usr/share/polkit-1/rules.d
    exec "$PROGRAM"
  ' >"$dir/polkitd.log" 2>&1 </dev/null &
  echo $! >"$dir/polkitd.pid"
  tries=0
  until dbus-send --bus="$DBUS_SYSTEM_BUS_ADDRESS" --print-reply --dest=org.freedesktop.PolicyKit1 \
    /org/freedesktop/PolicyKit1/Authority org.freedesktop.DBus.Peer.Ping >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ] || ! kill -0 "$(cat "$dir/polkitd.pid")" 2>/dev/null; then
      cat "$dir/bus.log" "$dir/polkitd.log" >&2 || true
      fail "polkitd does not answer"
    fi
    sleep 0.05
  done
}

wait_for() {
  tries=0
  until [ -e "$1" ]; do
    tries=$((tries + 1))
    [ $tries -le 200 ] || fail "'$1' does not appear: $(cat "$dir/bus.log")"
    sleep 0.05
  done
}

stop() {
  for name in polkitd bus; do
    [ -e "$dir/$name.pid" ] || continue
    pid=$(cat "$dir/$name.pid")
    kill -CONT "$pid" 2>/dev/null || true
    kill -TERM "$pid" 2>/dev/null || true
    # A zombie has no program any more; who adopted it may take its time to bury it.
    while readlink "/proc/$pid/exe" >/dev/null 2>&1; do sleep 0.05; done
  done
  rm -rf "$dir"
}

case $1 in
  start) start ;;
  stop) stop ;;
  *) fail "start or stop is expected" ;;
esac
