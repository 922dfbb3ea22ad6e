#!/bin/sh
# Holds the manual pages and completions against what they describe: every option, every configuration key, every
# element of lxcell:container; and their mark-up against mandoc and man.
#   check-pages.sh BUILD
set -eu
build=$(realpath "${1:?usage: check-pages.sh BUILD}")
cd "$(dirname "$0")/.."
wrong=0
checked=0

missing() {
  echo "check-pages: $*"
  wrong=$((wrong + 1))
}
# names FILE WORD...: each is somewhere in it.
names() {
  file=$1
  shift
  for word in "$@"; do
    checked=$((checked + 1))
    grep -qw -e "$word" "$file" || missing "$file does not name '$word'"
  done
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packaging/man/conf_page.py driver/virtlxcelld.conf "$work/virtlxcelld.conf.5"

keys=$(sed -n 's/^      {"\([a-z_]*\)",.*/\1/p' driver/config.cpp)
[ "$(echo "$keys" | wc -w)" -gt 30 ] || missing "driver/config.cpp has no table of keys that can be read"
for key in $keys; do
  checked=$((checked + 1))
  grep -qE "^#?$key = " driver/virtlxcelld.conf || missing "driver/virtlxcelld.conf does not explain '$key'"
  grep -q "^\.It Cm $key " "$work/virtlxcelld.conf.5" || missing "virtlxcelld.conf(5) does not have '$key'"
done
# And the other way round, so that no key is explained that nobody reads.
for key in $(sed -n 's/^#\{0,1\}\([a-z_]*\) = .*/\1/p' driver/virtlxcelld.conf); do
  checked=$((checked + 1))
  echo "$keys" | grep -qx "$key" || missing "driver/virtlxcelld.conf explains '$key', which driver/config.cpp does not know"
done

# An option in mdoc: "Fl -driver-name" for --driver-name.
options() {
  "$@" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u
}
for program in driver/virtlxcelld importer/lxcell-import; do
  name=${program#*/}
  found=$(options "$build/$program")
  [ "$name" != lxcell-import ] || found=$(for sub in libvirt lxc oci; do options "$build/$program" $sub; done | sort -u)
  [ "$(echo "$found" | wc -w)" -gt 2 ] || missing "'$name --help' shows no options"
  for option in $found; do
    checked=$((checked + 1))
    grep -qe "$option" "packaging/completion/$name" || [ "$option" = --from ] || missing "completion of $name lacks $option"
    grep -qE -- "(Fl |\| )${option#-}( |\$)|h \| ${option#-}|\| ${option#-}" "packaging/man/$name.8" ||
      [ "$option" = --help ] || [ "$option" = --version ] || missing "$name(8) does not have $option"
  done
done
# shellcheck disable=SC2046
names packaging/man/lxcell-domain.5 $(grep -oE 'lxcell:[a-z]+' README.md | sort -u)

for page in packaging/man/*.[58] "$work/virtlxcelld.conf.5"; do
  checked=$((checked + 1))
  problems=$(mandoc -Tlint -W warning "$page"; LC_ALL=C.UTF-8 man --warnings -l "$page" 2>&1 >/dev/null) || true
  [ -z "$problems" ] || missing "$problems"
done
for file in packaging/completion/*; do bash -n "$file" || missing "$file"; done
echo "$checked options, keys and pages: $wrong wrong"
[ $wrong -eq 0 ]
