#!/bin/sh
# Validates every domain XML that we show or test with against the schema. Files that must not pass are called
# unknown.xml or live in a folder called invalid, and fail this check if they do pass. tests/data/corpus is about what
# defines without validation and has its own expectations.
set -eu
cd "$(dirname "$0")/.."
schema=schemas/lxcell-domain.rng
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
valid=0
wrong=0
find examples tests/data -path tests/data/corpus -prune -o -name '*.xml' -print | sort >"$work/files"
while read -r file; do
  grep -q '<domain[ >]' "$file" || continue
  valid=$((valid + 1))
  status=0
  xmllint --noout --nonet --relaxng "$schema" "$file" 2>"$work/problems" || status=$?
  [ $status -ne 5 ] || { head -n 20 "$work/problems"; echo "check-schemas: '$schema' is not a schema"; exit 1; }
  case $file in
    */invalid/* | */unknown.xml)
      [ $status -ne 0 ] || { echo "$file: the schema accepts what it has to refuse"; wrong=$((wrong + 1)); } ;;
    *)
      [ $status -eq 0 ] || { cat "$work/problems"; wrong=$((wrong + 1)); } ;;
  esac
done <"$work/files"
[ $valid -gt 0 ] || { echo "check-schemas: found no domain XML"; exit 1; }
echo "$valid files against $schema: $wrong wrong"
[ $wrong -eq 0 ]
