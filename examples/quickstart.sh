#!/bin/sh
# A container from definition to removal with stock virsh, against a daemon built from this tree. Run as root.
#   quickstart.sh [--keep]     --keep: leaves daemon and container running and says how to reach and end them
# Everything it makes is in one temporary folder and goes at the end, but the build (build/) and installed packages.
set -eu

. "$(dirname "$0")/show.sh"

keep=
case ${1:-} in
  '') ;;
  --keep) keep=yes ;;
  *)
    sed -n '2,4s/^# *//p' "$0" >&2
    exit 2
    ;;
esac
[ "$(id -u)" = 0 ] || fail "needs root: it makes namespaces, cgroups and a network link"
tree=$(cd "$(dirname "$0")/.." && pwd)
began=$(date +%s)

"$tree/cmake/install-packages.sh" build example
echo "building the daemon"
# A build folder that somebody works in stays as it is configured.
if [ -f "$tree/build/build.ninja" ]; then
  "$tree/cmake/build.sh" dev virtlxcelld lxcell-supervisor
else
  "$tree/cmake/build.sh" dev -DLXCELL_TESTS=OFF -DLXCELL_BENCH=OFF virtlxcelld lxcell-supervisor
fi
daemon=$tree/build/driver/virtlxcelld
supervisor=$tree/build/container/lxcell-supervisor
for program in "$daemon" "$supervisor"; do
  [ -x "$program" ] || fail "the build did not make '$program'"
done

root=$(mktemp -d -t lxcell-XXXXXX)
uri="lxcell:///system?socket=$root/run/libvirt/virtlxcelld-sock"
bridge=lxq$$
cat >"$root/stop" <<STOP
# Ends what quickstart.sh left running: containers first, since they outlive their daemon.
for name in \$(timeout 20 virsh -c '$uri' list --name 2>/dev/null); do
  timeout 20 virsh -c '$uri' destroy "\$name" >/dev/null
done
if [ -f '$root/container.pid' ] && [ "\$(readlink "/proc/\$(cat '$root/container.pid')/exe")" = '$supervisor' ]; then
  kill -KILL "\$(cat '$root/container.pid')"
fi 2>/dev/null
if [ -f '$root/daemon.pid' ] && kill "\$(cat '$root/daemon.pid')" 2>/dev/null; then
  for try in \$(seq 100); do kill -0 "\$(cat '$root/daemon.pid')" 2>/dev/null || break; sleep 0.1; done
fi
ip link delete '$bridge' 2>/dev/null
rm -rf --one-file-system '$root'
STOP
clean_up() {
  status=$?
  trap - EXIT
  if [ $status -ne 0 ]; then tail -n 20 "$root/daemon.log" >&2 || true; fi
  sh "$root/stop" || true
  exit $status
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# until_state STATE: waits for the container to get there.
until_state() {
  for _ in $(seq 100); do
    [ "$(timeout 20 virsh -c "$uri" domstate web 2>&1)" != "$1" ] || return 0
    sleep 0.1
  done
  fail "the container is '$(virsh -c "$uri" domstate web 2>&1)' after 10 s, not '$1'"
}

"$tree/examples/make-busybox-rootfs.sh" "$root/rootfs"
network="<privnet/>"
interface=
if ip link add name "$bridge" type bridge 2>/dev/null && ip link set "$bridge" up; then
  network=
  interface="<interface type='bridge'><source bridge='$bridge'/></interface>"
else
  echo "this kernel makes no bridge; the container gets a private network instead"
fi
sed -e "s|<name>busybox<|<name>web<|" -e "s|/var/lib/libvirt/lxcell/examples/busybox|$root/rootfs|" \
  -e "s|<privnet/>|$network|" -e "s|<console|$interface<console|" -e '/^<!--/,/-->$/d' \
  "$tree/examples/busybox.xml" >"$root/web.xml"

# Started in its own session, so that ^C reaches only this script.
printf '\n$ %s --root %s &\n' "$daemon" "$root"
setsid "$daemon" --root "$root" >"$root/daemon.log" 2>&1 </dev/null &
echo $! >"$root/daemon.pid"
for _ in $(seq 100); do
  [ -S "$root/run/libvirt/virtlxcelld-sock" ] && break
  kill -0 "$(cat "$root/daemon.pid")" 2>/dev/null || fail "the daemon ended"
  sleep 0.1
done

show virsh -c "$uri" version
expect "API: LXC"
show virsh -c "$uri" define "$root/web.xml"
expect "Domain 'web' defined"
show virsh -c "$uri" start web
expect "Domain 'web' started"
virsh -c "$uri" domid web >"$root/container.pid"
show virsh -c "$uri" list
expect "running"

printf '\n$ virsh -c "%s" console web        (^] leaves it)\n' "$uri"
python3 "$tree/examples/read-console.py" "$uri" web 3 || fail "the console does not work"

show virsh -c "$uri" dominfo web
expect "running"
if [ -n "$interface" ]; then
  show virsh -c "$uri" domiflist web
  expect "$bridge"
fi
show virsh -c "$uri" lxc-enter-namespace web --noseclabel -- /bin/wget -q -O - http://127.0.0.1/
expect "Hello from a container."
show virsh -c "$uri" suspend web
until_state paused
show virsh -c "$uri" domstate web
show virsh -c "$uri" resume web
until_state running
show virsh -c "$uri" domstate web

if [ -n "$keep" ]; then
  trap - EXIT
  echo
  echo "'web' and its daemon keep running. Explore them, here or from another terminal:"
  echo "  virsh -c \"$uri\" list"
  echo "and end them and remove every trace:"
  echo "  sh $root/stop"
  exit 0
fi

show virsh -c "$uri" shutdown web
until_state "shut off"
show virsh -c "$uri" domstate web
show virsh -c "$uri" undefine web
expect "undefined"
show virsh -c "$uri" list --all
case $output in *web*) fail "'web' is still there" ;; esac

echo
echo "all of it worked, in $(($(date +%s) - began)) s"
