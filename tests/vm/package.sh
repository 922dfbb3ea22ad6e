#!/bin/sh
# Builds the Debian package, and one of a version to come, then installs, uses, upgrades and purges it in a machine that
# has never seen lxcell, with stock clients of its own release and of Debian 13. What is typed there and what it prints
# goes to docs/transcripts/package.txt.
#   package.sh [--suite SUITE] [--no-build] [--keep-transcript]
#     --suite SUITE      another release than bookworm: trixie, in whose own root the packages are built (packaging/build-deb.sh).
#                        The transcript stays as it is
#     --no-build         both packages are there already
#     --keep-transcript  docs/transcripts/package.txt stays as it is
# Needs root and the packages [vm] and [package] of cmake/packages.txt; takes some fourteen minutes once packages and
# machine are made.
set -eu
cd "$(dirname "$0")/../.."
suite=
build=yes
keep=
while [ $# -gt 0 ]; do
  case $1 in
    --suite)
      suite=${2:?"--suite needs a suite"} keep=yes
      shift
      ;;
    --no-build) build= ;;
    --keep-transcript) keep=yes ;;
    *)
      sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
  shift
done
cache=${LXCELL_VM_CACHE:-${XDG_CACHE_HOME:-/var/cache}/lxcell-vm}
out=build-deb${suite:+/$suite}
debs=$PWD/$out/archive
results=$out/transcript
version=$(dpkg-parsechangelog -S Version)
# The version to come: the same sources, compiled as one that is higher.
next=${version%.*}.$((${version##*.} + 1))
package() {
  echo "$out/lxcell_$1_$(dpkg --print-architecture).deb"
}
for one in "$version" "$next"; do
  [ -z "$build" ] || packaging/build-deb.sh ${suite:+--suite "$suite"} "$one" >/dev/null
  [ -f "$(package "$one")" ] || { echo "package: no file '$(package "$one")'" >&2; exit 1; }
done
image=$(tests/vm/make-image.sh "${suite:-bookworm}")
mirror=$(packaging/debian-mirror.sh)

# An archive of what a bare machine would download: what apt says is missing, given that machine's list of packages.
rm -rf "$debs" && mkdir -p "$debs/partial" "$debs/lists/partial"
debugfs -R 'cat /var/lib/dpkg/status' "$image/root.img" >"$debs/status" 2>/dev/null
cp "$(package "$version")" "$(package "$next")" "$debs/"
echo "deb $mirror ${suite:-bookworm} main" >"$debs/sources.list"
apt() {
  apt-get -q -y --no-install-recommends -o Dir::State::status="$debs/status" -o Dir::State::lists="$debs/lists" \
    -o Dir::Etc::sourcelist="$debs/sources.list" -o Dir::Etc::sourceparts=- -o Dir::Cache::archives="$debs" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root -o Debug::NoLocking=yes "$@"
}
{
  apt update && apt --download-only install "./$(package "$version")" openssh-server netcat-openbsd bash-completion
} >"$debs/log" 2>&1 || {
  cat "$debs/log"
  exit 1
}
(cd "$debs" && dpkg-scanpackages --multiversion . >Packages 2>/dev/null)

# Clients of Debian 13, to be entered with chroot.
clients=$cache/clients-trixie
if [ ! -d "$clients" ]; then
  rm -rf --one-file-system "$clients.new"
  mmdebstrap --quiet --mode=root --variant=minbase --include=libvirt-clients,python3-libvirt \
    --aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --customize-hook='mkdir -p "$1/run/libvirt"' trixie "$clients.new" \
    "deb $mirror trixie main"
  mv "$clients.new" "$clients"
fi

mkdir -p "$results"
status=0
tests/vm/machine.py run --timeout 5400 --share "$PWD" --share "$clients:/srv/trixie" \
  --writable "$PWD/$results" \
  "$image" sh "$PWD/tests/vm/package-inside.sh" "$PWD" "$debs" "$PWD/$results" "$version" "$next" || status=$?
[ $status -eq 0 ] || exit $status
# Without what apt and dpkg say of their own state, and what differs from run to run.
[ -n "$keep" ] || sed -E -e "s|$PWD/||g" -e 's/[0-9a-f]{32}/UUID/; s/[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{5} /TIME /' \
  -e '/^(\(Reading database|Reading |Building dep|Get:|Fetched|Need to get|After this op|debconf:)/d' \
  -f examples/tools/normalise.sed "$results/package.txt" >docs/transcripts/package.txt
