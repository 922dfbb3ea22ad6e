#!/bin/sh
# Holds together what is said in more than one place: the version, and the packages that building needs.
set -eu
cd "$(dirname "$0")/.."
wrong=0
differ() {
  echo "check-version: $*"
  wrong=$((wrong + 1))
}
cmake=$(sed -n 's/^project(lxcell VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
debian=$(sed -n '1s/^lxcell (\(.*\)) .*/\1/p' debian/changelog)
[ -n "$cmake" ] && [ "$cmake" = "$debian" ] || differ "CMakeLists.txt says '$cmake', debian/changelog '$debian'"
grep -q "^## $cmake" CHANGELOG.md || differ "CHANGELOG.md has no '## $cmake'"

# The compiler is there anyway, and debhelper brings what only a package needs.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed 's/#.*//' cmake/packages.txt | awk '/^\[/ { group = $1; next } NF && group == "[build]" && $1 != "g++" { print $1 }' |
  sort >"$work/build"
sed -n '/^Build-Depends:/,/^[^ ]*$/s/^ \([a-z0-9+-]*\).*,$/\1/p' debian/control |
  grep -vE '^(debhelper-compat|dh-)' | sort >"$work/debian"
differences=$(diff "$work/build" "$work/debian") || differ "[build] of cmake/packages.txt (<) and Build-Depends (>):
$differences"
echo "version $cmake, $(wc -l <"$work/build") packages to build with: $wrong wrong"
[ $wrong -eq 0 ]
