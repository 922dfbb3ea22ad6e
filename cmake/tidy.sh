#!/bin/sh
# clang-tidy over our sources as BUILD compiles them, one process per core.
#   tidy.sh BUILD [--changed]     --changed: only what differs from the commit before this one
set -eu
build=$1
cd "$(dirname "$0")/.."
files=$(find base rpc domain-xml netlink cgroup container driver importer -name '*.cpp' | sort)
if [ "${2:-}" = --changed ] && changed=$(git diff --name-only --diff-filter=d HEAD~1 2>/dev/null); then
  # A changed header is read through every source that names it.
  headers=$(echo "$changed" | grep '\.hpp$' || true)
  files=$(for file in $files; do
    if echo "$changed" | grep -qxF "$file"; then
      echo "$file"
    else
      for header in $headers; do
        if grep -qF "#include \"$header\"" "$file"; then
          echo "$file"
          break
        fi
      done
    fi
  done)
fi
[ -n "$files" ] || { echo "tidy: nothing to look at"; exit 0; }
echo "tidy: $(echo "$files" | wc -l) files"
# Tidy's count of suppressed warnings from other people's headers goes to stderr whatever is asked of it.
echo "$files" | xargs -P "$(nproc)" -I FILE sh -c '
  if ! found=$(clang-tidy --quiet -p "$1" --extra-arg=-Wno-unknown-warning-option "$2" 2>&1); then
    echo "$found" | grep -v "^[0-9]* warnings\{0,1\} .*generated\|^Suppressed\|^Use -header-filter"
    exit 1
  fi' tidy "$build" FILE
