#!/bin/sh
# Makes the root filesystem of examples/debian.xml: Debian with systemd and a login prompt on the console.
#   make-debian-rootfs.sh [DIR [PACKAGE...]]     DIR: /var/lib/libvirt/lxcell/examples/debian
# Root logs in without a password, so give it one (passwd) before the container gets a network.
# Needs root. Packages come from the Debian sources of this machine. Nothing is kept outside DIR.
set -eu

fail() {
  echo "make-debian-rootfs: $*" >&2
  exit 1
}

dir=${1:-/var/lib/libvirt/lxcell/examples/debian}
[ $# -eq 0 ] || shift
packages=systemd-sysv,iproute2
for package in "$@"; do packages=$packages,$package; done

[ "$(id -u)" = 0 ] || fail "needs root: file owners and device nodes belong to it"
command -v mmdebstrap >/dev/null || fail "mmdebstrap is not installed (cmake/install-packages.sh installs it)"
if [ -e "$dir/sbin/init" ]; then
  echo "$dir is complete already; remove it to make it again"
  exit 0
fi

# The sources of this machine as apt understands them, .list or .sources alike; only Debian's own are of use here.
debian_sources() {
  apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    sed -n 's/^Debian /deb /p' | sort -u
}

suite=bookworm
sources=
if [ "$(. /etc/os-release && echo "$ID")" = debian ]; then
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  sources=$(debian_sources)
  if [ -z "$sources" ]; then
    apt-get -q update
    sources=$(debian_sources)
  fi
fi

# Made beside DIR and renamed when complete, so an interrupted run never leaves half a system behind.
new=$dir.new
rm -rf --one-file-system "$new"
mkdir -p "$(dirname "$dir")"
trap 'rm -rf --one-file-system "$new"' EXIT
trap 'exit 130' INT TERM
started=$(date +%s)
echo "Debian $suite into $dir: a minute or two, 60 MB to download, 160 MB on disk"

set -- --mode=root --variant=minbase --format=directory --include="$packages" \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
  --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-include=/usr/share/doc/*/copyright' "$suite" "$new"
if [ -n "$sources" ]; then
  echo "$sources" | mmdebstrap "$@" -
else
  mmdebstrap "$@"
fi

# The domain's name and uuid become host name and machine id, so the files that would override them go.
rm -f "$new/etc/hostname"
: >"$new/etc/machine-id"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$new/etc/hosts"
chroot "$new" passwd --quiet --delete root
chroot "$new" systemctl --quiet enable console-getty.service

# Kernel-wide file systems and the audit socket belong to the host.
chroot "$new" systemctl --quiet mask dev-hugepages.mount proc-sys-fs-binfmt_misc.automount \
  sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
  systemd-journald-audit.socket getty@tty1.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
  e2scrub_reap.service dpkg-db-backup.timer fstrim.timer
# logind fails without a bus and would leave the system degraded; it starts as soon as dbus is installed.
mkdir -p "$new/etc/systemd/system/systemd-logind.service.d"
printf '[Unit]\nConditionPathExists=/usr/bin/dbus-daemon\n' \
  >"$new/etc/systemd/system/systemd-logind.service.d/container.conf"

rmdir "$dir" 2>/dev/null || [ ! -e "$dir" ] || fail "'$dir' exists and is not empty"
mv "$new" "$dir"
echo "made $dir in $(($(date +%s) - started)) s, $(du -sh "$dir" | cut -f1)"
