#!/bin/sh
# Everything there is to test: installs what is missing, builds, checks the tree, and runs the system tests, the unit
# tests under sanitizers and a short fuzz. The last line is the totals. Needs root for the system tests.
#   run.sh [--fast]     --fast: unit tests without sanitizers, no clang-tidy, no fuzzing
set -u
cd "$(dirname "$0")/.." || exit 1
fast=
case ${1:-} in
  '') ;;
  --fast) fast=yes ;;
  *)
    sed -n '2,4s/^# *//p' "$0" >&2
    exit 2
    ;;
esac
began=$(date +%s)
steps=build/test-results
programs="base_test rpc_test domain_xml_test netlink_test cgroup_test container_test driver_test system_test"
rm -rf build/test-results build-asan/test-results
mkdir -p "$steps"

say() {
  echo "== $* ($(($(date +%s) - began)) s)"
}
check() {
  python3 cmake/run-tests.py check "$steps" "$@"
}
skip() {
  python3 cmake/run-tests.py skip "$steps" "$@"
}
finish() {
  say "totals"
  # shellcheck disable=SC2086
  python3 cmake/run-tests.py totals build/test-results build-asan/test-results --expect $programs
  exit
}
target() {
  cmake --build build --target "$1" -- --quiet
}

say "packages"
cmake/install-packages.sh || exit 1
say "build"
# The unit tests are built once: with sanitizers, or plain with --fast.
if [ -n "$fast" ]; then targets=; else targets="virtlxcelld lxcell-supervisor system_test lifecycle_bench"; fi
# shellcheck disable=SC2086
check build cmake/build.sh dev $targets || finish

say "format, includes, schema"
check format-check cmake/format.sh --check
check include-check python3 cmake/check-includes.py
check schema-check cmake/check-schemas.sh
say "system tests"
target check-root

if [ -n "$fast" ]; then
  say "unit tests"
  target unit-tests
  skip tidy "--fast"
  skip fuzz "--fast"
  finish
fi
say "unit tests with address and undefined-behaviour sanitizers"
check sanitizers cmake/build.sh asan unit-tests
say "clang-tidy of what changed"
check tidy cmake/tidy.sh build --changed
say "fuzzing, 20 s each"
check fuzz-build cmake/build.sh fuzz fuzz && check fuzz cmake/fuzz.sh 20
finish
