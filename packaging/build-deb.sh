#!/bin/sh
# Builds the Debian package of what is in the working tree and prints its path.
#   build-deb.sh [--suite SUITE] [VERSION]
#     SUITE    for that Debian release (bookworm, trixie), with its own compiler, and checked by its lintian; needs root
#              and mmdebstrap. Otherwise it is built on and for the release this machine has
#     VERSION  digits and dots; another than the tree's, which the programs then say too
# Sources are copied to build-deb/lxcell (build-deb/SUITE/lxcell), as dpkg-buildpackage writes beside them. Needs the
# packages [package] of cmake/packages.txt.
set -eu
cd "$(dirname "$0")/.."
exec 3>&1 >&2
suite=
if [ "${1:-}" = --suite ]; then
  suite=${2:?"--suite needs a suite"}
  shift 2
fi
out=$PWD/build-deb${suite:+/$suite}
mkdir -p "$out/lxcell"
# Files keep their times, so that only what changed is compiled.
find "$out/lxcell" -mindepth 1 -maxdepth 1 ! -name 'obj-*' -exec rm -rf {} +
git ls-files -co --exclude-standard | while IFS= read -r file; do [ ! -e "$file" ] || printf '%s\n' "$file"; done >"$out/files"
tar -c -T "$out/files" | tar -x -C "$out/lxcell"
if [ $# -gt 0 ]; then
  sed -i "1s/(.*)/($1)/" "$out/lxcell/debian/changelog"
  sed -i "s/^project(lxcell VERSION [0-9.]*/project(lxcell VERSION $1/" "$out/lxcell/CMakeLists.txt"
fi
deb=lxcell_$(dpkg-parsechangelog -l "$out/lxcell/debian/changelog" -S Version)_$(dpkg --print-architecture).deb
export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-nocheck noautodbgsym}"
if [ -z "$suite" ]; then
  (cd "$out/lxcell" && dpkg-buildpackage -b -us -uc -nc --no-pre-clean)
else
  root=$(packaging/make-build-root.sh "$suite")
  # In a mount namespace, which ends with the build. Neither this machine's compiler cache nor its paths are there.
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEB_BUILD_OPTIONS="$DEB_BUILD_OPTIONS" \
    unshare --mount --propagation private sh -ec '
      mount -t proc proc "$1/proc"
      mount --bind "$2" "$1/build"
      exec chroot "$1" sh -ec "cd /build/lxcell; dpkg-buildpackage -b -us -uc -nc --no-pre-clean; lintian --fail-on warning /build/$3"
    ' sh "$root" "$out" "$deb"
fi >"$out/log" 2>&1 || {
  tail -n 50 "$out/log"
  exit 1
}
echo "$out/$deb" >&3
