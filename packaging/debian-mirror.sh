#!/bin/sh
# Prints where this machine's apt gets Debian from; other releases come from there too.
set -eu
mirror() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    sed -n 's/^Debian\/Debian //p' | head -n 1
}
found=$(mirror)
if [ -z "$found" ]; then
  apt-get -q update >&2
  found=$(mirror)
fi
[ -n "$found" ] || {
  echo "debian-mirror: apt knows no Debian archive on this machine" >&2
  exit 1
}
echo "$found"
