#!/bin/sh
# virt-manager in a window of its own (Xvfb), one connection to lxcell:///system and one to qemu:///system: a container
# and a virtual machine are started, used and stopped by clicking, another container is made, and pictures are taken.
# Needs root and a built tree.
#   virt-manager.sh [DIR]     DIR: where the pictures go (docs/pictures)
# Packages: virt-manager xvfb openbox xdotool imagemagick optipng dbus-daemon at-spi2-core python3-pyatspi cpio and the
# groups beside and example of cmake/packages.txt. The virtual machine is emulated, so no KVM is needed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${LXCELL_SHOW:-}" ]; then
  pictures=${1:-$here/../../docs/pictures}
  mkdir -p "$pictures"
  LXCELL_SHOW=$(cd "$pictures" && pwd) exec "$here/stage.sh" --qemu "$here/virt-manager.sh"
fi
lxcell=lxcell:///system
busybox=/var/lib/libvirt/lxcell/examples/busybox

for program in virt-manager Xvfb openbox xdotool import optipng dbus-run-session cpio; do
  command -v "$program" >/dev/null || { echo "virt-manager.sh: '$program' is not installed" >&2; exit 1; }
done

# Two containers on a bridge, and a machine with the newest kernel of this host and the same busybox.
ip link add name demo type bridge
ip address add 192.0.2.1/24 dev demo
ip link set demo up
define() {
  virt-install --connect $lxcell --name "$1" --memory 64,maxmemory=128 --init "$2" --filesystem $busybox,/ \
    --network bridge=demo --osinfo generic --print-xml >"$1.xml"
  virsh -q -c $lxcell define "$1.xml"
}
define web /bin/web
define shell /bin/sh
virsh -q -c $lxcell start web

kernel=$(find /boot -name 'vmlinuz-*' | sort -V | tail -n 1)
mkdir initrd
cp -a $busybox/. initrd
cat >initrd/init <<'INIT'
#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
clear
echo "Linux $(uname -r) in a virtual machine: $(grep -c ^processor /proc/cpuinfo) CPU, $(free -m | awk 'NR == 2 { print $2 }') MiB"
export PS1='machine # '
while :; do setsid -c sh </dev/tty1 >/dev/tty1 2>&1; done
INIT
chmod +x initrd/init
(cd initrd && find . | cpio -o -H newc --quiet | gzip -1 >../initrd.gz)
cat >machine.xml <<XML
<domain type='qemu'>
  <name>machine</name>
  <memory unit='MiB'>192</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>$kernel</kernel>
    <initrd>$PWD/initrd.gz</initrd>
    <cmdline>quiet console=tty1</cmdline>
  </os>
  <features><acpi/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <graphics type='vnc' listen='127.0.0.1'/>
    <video><model type='vga'/></video>
  </devices>
</domain>
XML
virsh -q -c qemu:///system define machine.xml
virsh -q -c qemu:///system start machine

# What a user would choose in the preferences: both connections at the start, every graph, once a second.
export GSETTINGS_BACKEND=keyfile
mkdir -p .config/glib-2.0/settings
cat >.config/glib-2.0/settings/keyfile <<KEYS
[org/virt-manager/virt-manager/connections]
uris=['$lxcell', 'qemu:///system']
autoconnect=['$lxcell', 'qemu:///system']
[org/virt-manager/virt-manager/stats]
update-interval=1
enable-disk-poll=true
enable-net-poll=true
enable-memory-poll=true
[org/virt-manager/virt-manager/vmlist-fields]
cpu-usage=true
memory-usage=true
network-traffic=true
[org/virt-manager/virt-manager/console]
resize-guest=0
[org/gnome/desktop/interface]
toolkit-accessibility=true
KEYS

# The server says itself which display is free.
mkfifo display
Xvfb -displayfd 3 -screen 0 1180x900x24 -nolisten tcp 3>display >xvfb.log 2>&1 &
server=$!
trap 'kill $server' EXIT
DISPLAY=:$(cat display)
export DISPLAY
dbus-run-session sh -c '
  openbox >/dev/null 2>&1 &
  openbox=$!
  virt-manager --debug --no-fork >virt-manager.log 2>&1 &
  manager=$!
  /usr/bin/python3 "$1/virt-manager.py" "$2"
  status=$?
  kill $manager $openbox
  exit $status
' sh "$here" "$LXCELL_SHOW" 2>dbus.log || { tail -n 20 dbus.log virt-manager.log >&2; exit 1; }
if grep -A 20 Traceback virt-manager.log >&2; then exit 1; fi
optipng -quiet -o3 "$LXCELL_SHOW"/virt-manager*.png
