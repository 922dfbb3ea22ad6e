#!/bin/sh
# Makes the root filesystem of examples/busybox.xml and examples/oneshot.xml: busybox and /bin/web, a small server.
#   make-busybox-rootfs.sh [DIR]     DIR: /var/lib/libvirt/lxcell/examples/busybox
# May be run again over the same DIR. Nothing is kept outside it.
set -eu

fail() {
  echo "make-busybox-rootfs: $*" >&2
  exit 1
}

dir=${1:-/var/lib/libvirt/lxcell/examples/busybox}
busybox=$(command -v busybox) || fail "busybox is not installed (cmake/install-packages.sh installs it)"
mkdir -p "$dir"
for folder in bin dev etc proc root run sys tmp var/www; do mkdir -p "$dir/$folder"; done
chmod 1777 "$dir/tmp"
ln -sfn bin "$dir/sbin"
ln -sfn . "$dir/usr"

install -m 755 "$busybox" "$dir/bin/busybox.new"
mv "$dir/bin/busybox.new" "$dir/bin/busybox"
for applet in $("$busybox" --list); do
  [ "$applet" = busybox ] || ln -sf busybox "$dir/bin/$applet"
done
if [ "$(id -u)" = 0 ]; then
  chroot "$dir" /bin/true || fail "'$busybox' is not static: package busybox-static replaces busybox"
fi

echo 'root:x:0:0:root:/root:/bin/sh' >"$dir/etc/passwd"
printf 'root:x:0:\ntty:x:5:\n' >"$dir/etc/group"
echo 'Hello from a container.' >"$dir/var/www/index.html"
cat >"$dir/bin/web" <<'WEB'
#!/bin/sh
# Serves /var/www and says every second that it is alive. As process 1 it stops only because it handles TERM.
trap 'echo "asked to stop after $seconds s"; exit 0' TERM
trap 'echo "asked to restart after $seconds s"; exec /bin/web' HUP
httpd -h /var/www
echo "container $(hostname) serves /var/www, process $$"
seconds=0
while :; do
  sleep 1 &
  wait $!
  seconds=$((seconds + 1))
  echo "up $seconds s"
done
WEB
chmod 755 "$dir/bin/web"
echo "made $dir, $(du -sh "$dir" | cut -f1)"
