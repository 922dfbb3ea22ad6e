#!/bin/sh
# Makes what a test machine boots from, unless it is there already, and prints its folder: a Debian with systemd, the
# unified cgroup hierarchy and AppArmor, and the memory of that system as it waits for a command.
#   make-image.sh SUITE     bookworm, trixie
# Folders are kept in $LXCELL_VM_CACHE (${XDG_CACHE_HOME:-/var/cache}/lxcell-vm) under a name that changes with the
# recipe. Needs root, the packages [vm] of cmake/packages.txt and 4 minutes; packages come from this machine's sources.
set -eu

# Only the folder's name goes to the caller.
exec 3>&1 >&2
here=$(cd "$(dirname "$0")" && pwd)
suite=${1:?usage: make-image.sh SUITE}
cache=${LXCELL_VM_CACHE:-${XDG_CACHE_HOME:-/var/cache}/lxcell-vm}

fail() {
  echo "make-image: $*" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail "needs root: file owners and device nodes belong to it"
# Saved memory is read back by the same program only.
recipe=$({
  cd "$here" && cat make-image.sh image/*
  qemu-system-x86_64 --version
} | sha256sum | cut -c1-12)
dir=$cache/$suite-$recipe
mkdir -p "$cache"
# Held to the end: two who need the same image make it once.
exec 9>"$cache/$suite.lock"
flock 9
if [ -e "$dir/memory.zst" ]; then
  touch "$dir"
  echo "$dir" >&3
  exit
fi

# shellcheck disable=SC2016
mirror() {
  apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    sed -n 's/^Debian\/Debian //p' | head -n 1
}
source=$(mirror)
if [ -z "$source" ]; then
  apt-get -q update
  source=$(mirror)
fi
[ -n "$source" ] || fail "apt knows no Debian archive on this machine"

# Made beside its place and renamed when complete, so an interrupted run never leaves half an image behind.
new=$dir.new
rm -rf --one-file-system "$new"
mkdir -p "$new"
trap 'rm -rf --one-file-system "$new"' EXIT
trap 'exit 130' INT TERM
root=$new/root

say() {
  echo "make-image: $suite: $* ($(($(date +%s) - began)) s)"
}
began=$(date +%s)
say "installing packages"
# shellcheck disable=SC2016
# The distribution's initial RAM disk is never made (it costs a minute): image/initrd.sh makes a small one.
mmdebstrap --quiet --mode=root --variant=minbase --format=directory \
  --include="$(sed 's/#.*//' "$here/image/packages.txt" | tr -s ' \n' ',' | sed 's/^,//; s/,$//')" \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
  --dpkgopt=force-unsafe-io --dpkgopt=force-confold \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --essential-hook='mkdir -p "$1/etc/initramfs-tools" &&
    echo update_initramfs=no >"$1/etc/initramfs-tools/update-initramfs.conf"' \
  "$suite" "$root" "deb $source $suite main"
say "root file system"
"$here/image/configure.sh" "$root"
"$here/image/initrd.sh" "$root" "$new/initrd"
cp "$root"/boot/vmlinuz-* "$new/vmlinuz"
mke2fs -q -t ext4 -m 0 -d "$root" "$new/root.img" 4G
rm -rf --one-file-system "$root"
say "first boot, which fills caches"
"$here/machine.py" prime "$new"
say "second boot, whose memory is kept"
"$here/machine.py" save "$new"
mv "$new" "$dir"
say "made"
# Images of earlier recipes that nobody has used for a week.
find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +7 -exec rm -rf --one-file-system {} +
echo "$dir" >&3
