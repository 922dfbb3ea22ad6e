#!/bin/sh
# Formats our C++ files; with --check, names those that differ and changes nothing.
set -eu
cd "$(dirname "$0")/.."
mode=-i
[ "${1:-}" != --check ] || mode="--dry-run --Werror"
# shellcheck disable=SC2086
find base rpc domain-xml netlink cgroup container driver importer tests bench -name '*.[ch]pp' -print0 |
  xargs -0 -r clang-format $mode
