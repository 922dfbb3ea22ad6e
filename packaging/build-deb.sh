#!/bin/sh
# Builds the Debian package of what is in the working tree and prints its path.
#   build-deb.sh [VERSION]     VERSION: digits and dots; another than the tree's, which the programs then say too
# Sources are copied to build-deb/lxcell, as dpkg-buildpackage writes beside them. Needs the packages [package] of
# cmake/packages.txt.
set -eu
cd "$(dirname "$0")/.."
exec 3>&1 >&2
out=$PWD/build-deb
mkdir -p "$out/lxcell"
# Files keep their times, so that only what changed is compiled.
find "$out/lxcell" -mindepth 1 -maxdepth 1 ! -name 'obj-*' -exec rm -rf {} +
git ls-files -co --exclude-standard | while IFS= read -r file; do [ ! -e "$file" ] || printf '%s\n' "$file"; done >"$out/files"
tar -c -T "$out/files" | tar -x -C "$out/lxcell"
cd "$out/lxcell"
if [ $# -gt 0 ]; then
  sed -i "1s/(.*)/($1)/" debian/changelog
  sed -i "s/^project(lxcell VERSION [0-9.]*/project(lxcell VERSION $1/" CMakeLists.txt
fi
version=$(dpkg-parsechangelog -S Version)
DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-nocheck noautodbgsym}" dpkg-buildpackage -b -us -uc -nc --no-pre-clean >"$out/log" 2>&1 || {
  tail -n 50 "$out/log"
  exit 1
}
echo "$out/lxcell_${version}_$(dpkg --print-architecture).deb" >&3
