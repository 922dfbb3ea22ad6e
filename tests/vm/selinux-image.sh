#!/bin/sh
# Makes the test machine whose kernel has SELinux instead of AppArmor, unless it is there already, and prints its folder:
# the bookworm machine of make-image.sh with Debian's policy and packaging/selinux/lxcell.cil, every file labelled. It
# has no saved memory: boot it with `machine.py run --boot "$(selinux-image.sh --boot)"`. Permissive until `setenforce 1`,
# since Debian's policy refuses much of what the machine's own services do. Needs root and 2 minutes.
set -eu
if [ "${1:-}" = --boot ]; then
  echo "security=selinux selinux=1 apparmor=0"
  exit
fi
exec 3>&1 >&2
here=$(cd "$(dirname "$0")" && pwd)
module=$here/../../packaging/selinux/lxcell.cil
cache=${LXCELL_VM_CACHE:-${XDG_CACHE_HOME:-/var/cache}/lxcell-vm}
base=$("$here/make-image.sh" bookworm)
dir=$cache/selinux-$({
  cat "$here/selinux-image.sh" "$module"
  echo "$base"
} | sha256sum | cut -c1-12)
exec 9>"$cache/selinux.lock"
flock 9
if [ -e "$dir/root.img" ]; then
  touch "$dir"
  echo "$dir" >&3
  exit
fi

new=$dir.new
rm -rf --one-file-system "$new"
mkdir -p "$new/root"
trap 'rm -rf --one-file-system "$new"' EXIT
trap 'exit 130' INT TERM
cp "$base/vmlinuz" "$base/initrd" "$new/"
cp --sparse=always "$base/root.img" "$new/"
cp /etc/resolv.conf "$new/resolv.conf"
# In a mount namespace of its own, so nothing stays mounted whatever happens.
# shellcheck disable=SC2016
unshare --mount sh -euc '
new=$1 module=$2
mount -o loop "$new/root.img" "$new/root"
mount --bind /proc "$new/root/proc"
touch "$new/root/etc/resolv.conf"
mount --bind "$new/resolv.conf" "$new/root/etc/resolv.conf"
cp "$module" "$new/root/root/lxcell.cil"
chroot "$new/root" sh -euc "
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update
  apt-get -q install -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io \
    -o Dpkg::Options::=--force-confold selinux-policy-default policycoreutils selinux-utils
  apt-get clean
  rm -rf /var/lib/apt/lists/*
  # The folders shared with the host have no labels, and results are written there.
  echo \"(allow unlabeled_t self (filesystem (associate)))\" >/root/shared.cil
  semodule -i /root/lxcell.cil -i /root/shared.cil
  printf \"SELINUX=permissive\nSELINUXTYPE=default\n\" >/etc/selinux/config
  # -m: this host may have no SELinux, and its mounts no labels.
  setfiles -m -F /etc/selinux/default/contexts/files/file_contexts /"
' sh "$new" "$module"
rmdir "$new/root"
rm "$new/resolv.conf"
mv "$new" "$dir"
echo "$dir" >&3
