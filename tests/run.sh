#!/bin/sh
# Installs what is missing, builds, checks the tree, and runs the system tests here, those that systemd, cgroup v2 and
# AppArmor have a part in also in a machine that has them (tests/vm), the unit tests under sanitizers and a short fuzz.
# The last line is the totals. Needs root for the system tests.
#   run.sh [--fast] [--no-vm] [--machines] [--package]
#     --fast      unit tests without sanitizers, no release build, no machine, no clang-tidy, no fuzzing
#     --no-vm     no machine
#     --machines  Debian 12 and 13, with all tests that depend on the host: fifteen minutes more
#     --package   also the Debian package, from installing to purging, in a machine: ten minutes more
set -u
cd "$(dirname "$0")/.." || exit 1
fast=
no_vm=
package=
suites=bookworm
# What works the same way on every host, once it does on one, is left to --machines.
of_the_host="AppArmorTest.*:AttackTest.*:AuditTest.*:CgroupTest.*:EnvironmentTest.*:GivenDeviceTest.*:GuestSystemTest.*"
of_the_host="$of_the_host:HostDeviceTest.*:InsideViewTest.*:IoTuneTest.*:LibvirtNetworkTest.*:NodeTest.*:OomTest.*"
of_the_host="$of_the_host:OwnViewTest.*:PerfTest.*:StatsTest.*:SystemdTest.*:Tuning.*:UpgradeTest.*"
for option in "$@"; do
  case $option in
    --fast) fast=yes no_vm=--fast ;;
    --no-vm) no_vm=--no-vm ;;
    --machines) suites="bookworm trixie" of_the_host='*' ;;
    --package) package=yes ;;
    *)
      sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
done
began=$(date +%s)
steps=build/test-results
programs="base_test rpc_test domain_xml_test netlink_test cgroup_test container_test driver_test importer_test system_test"
vm_programs=
results="build/test-results build-asan/test-results"
for suite in $suites; do results="$results build/vm-$suite/test-results"; done
# shellcheck disable=SC2086
rm -rf $results
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
  python3 cmake/run-tests.py totals $results --expect $programs $vm_programs
  exit
}
# Several at once: the suite is a chain of calls that keeps one CPU busy.
machines() {
  if [ -n "$no_vm" ]; then
    skip vm "left out by $no_vm"
    return
  fi
  pids=
  trap 'kill $pids; exit 130' INT TERM
  for suite in $suites; do
    # A machine that gives no results is missed by name in the totals.
    vm_programs="$vm_programs $PWD/build/vm-$suite/test-results/system_test"
    GTEST_FILTER=${GTEST_FILTER:-$of_the_host} tests/vm/system-tests.sh "$suite" &
    pids="$pids $!"
  done
  wait
  trap - INT TERM
}
target() {
  cmake --build build --target "$1" -- --quiet
}

say "packages"
cmake/install-packages.sh || exit 1
say "build"
# The unit tests are built once: with sanitizers, or plain with --fast.
targets="virtlxcelld lxcell-supervisor lxcell-import system_test faults_test soak_test lifecycle_bench"
[ -z "$fast" ] || targets=
# shellcheck disable=SC2086
check build cmake/build.sh dev $targets || finish

if [ -n "$fast" ]; then
  skip release "left out by --fast"
else
  # Files are compiled together there: names that clash are only found so.
  say "release build"
  check release cmake/build.sh release
fi

say "format, includes, schema"
check format-check cmake/format.sh --check
check include-check python3 cmake/check-includes.py
check schema-check cmake/check-schemas.sh
check version-check cmake/check-version.sh
check bench-check python3 tests/bench/targets_test.py
check page-check packaging/check-pages.sh build
say "system tests"
target check-root
# Some ten seconds and half a minute.
check import tests/importer/real-tools.sh build
check documents tests/docs/run.py README.md CONTRIBUTING.md SECURITY.md ARCHITECTURE.md CHANGELOG.md docs/*.md
if [ -n "$fast" ]; then
  skip faults_test "left out by --fast"
  skip soak_test "left out by --fast"
else
  say "walk over fault points, one in some; all of them: build/tests/faults_test --long"
  programs="$programs faults_test"
  python3 cmake/run-tests.py run "$steps" --show --timeout 900 --again 2 build/tests/faults_test
  say "load, limits and hostile clients, the short form: docs/reliability.md"
  programs="$programs soak_test"
  python3 cmake/run-tests.py run "$steps" --show --timeout 600 --again 2 build/tests/soak_test
fi
say "system tests in machines with systemd and cgroup v2: $suites"
machines

if [ -n "$package" ]; then
  say "the Debian package in a machine"
  check package-build cmake/install-packages.sh package
  check package tests/vm/package.sh --keep-transcript
fi

if [ -n "$fast" ]; then
  say "unit tests"
  target unit-tests
  skip tidy "left out by --fast"
  skip fuzz "left out by --fast"
  finish
fi
say "unit tests with address and undefined-behaviour sanitizers"
check sanitizers cmake/build.sh asan unit-tests
say "clang-tidy of what changed"
check tidy cmake/tidy.sh build --changed
say "fuzzing, 20 s each"
check fuzz-build cmake/build.sh asan fuzz && check fuzz cmake/fuzz.sh 20
finish
