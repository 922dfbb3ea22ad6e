#!/bin/sh
# Makes what the package of another Debian release is built in, unless it is there already, and prints its folder: that
# release's compiler and the packages debian/control asks for.
#   make-build-root.sh SUITE     bookworm, trixie
# Folders are kept in $LXCELL_VM_CACHE (${XDG_CACHE_HOME:-/var/cache}/lxcell-vm) under a name that changes with the
# packages. Needs root, mmdebstrap and a few minutes; packages come from where this machine has its own.
set -eu
exec 3>&1 >&2
cd "$(dirname "$0")/.."
suite=${1:?usage: make-build-root.sh SUITE}
cache=${LXCELL_VM_CACHE:-${XDG_CACHE_HOME:-/var/cache}/lxcell-vm}
packages=debhelper,lintian$(sed -n '/^Build-Depends:/,/^Package:/s/^ \([a-z0-9+.-]*\).*,$/,\1/p' debian/control | grep -v debhelper-compat | tr -d '\n')
root=$cache/build-$suite-$({
  echo "$packages"
  cat packaging/make-build-root.sh
} | sha256sum | cut -c1-12)
mkdir -p "$cache"
# Held to the end: two who need the same folder make it once.
exec 9>"$cache/build-$suite.lock"
flock 9
if [ ! -d "$root" ]; then
  trap 'rm -rf --one-file-system "$root.new"' EXIT
  trap 'exit 130' INT TERM
  rm -rf --one-file-system "$root.new"
  mmdebstrap --quiet --mode=root --variant=buildd --format=directory --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --customize-hook='mkdir "$1/build"' \
    "$suite" "$root.new" "deb $(packaging/debian-mirror.sh) $suite main"
  mv "$root.new" "$root"
fi
touch "$root"
echo "$root" >&3
