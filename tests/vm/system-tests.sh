#!/bin/sh
# Runs test programs of the dev build, the system suite by default, in a machine with systemd as pid 1, pure cgroup v2
# and AppArmor. Results are left in build/vm-SUITE/test-results. GTEST_FILTER is handed on.
#   system-tests.sh [--show] SUITE [PROGRAM...]
#     SUITE    bookworm or trixie; make-image.sh makes the machine if there is none. Or selinux, bookworm with SELinux
#              instead of AppArmor (selinux-image.sh), which boots in two minutes and is meant for SelinuxTest.*;
#              LXCELL_VM_ENFORCING=1 makes it enforce its policy
#     --show   output as it comes, otherwise only of programs that failed
set -eu
cd "$(dirname "$0")/../.."
show=
[ "${1:-}" != --show ] || {
  show=--show
  shift
}
suite=${1:?usage: system-tests.sh [--show] SUITE [PROGRAM...]}
shift
[ $# -gt 0 ] || set -- system_test
results=build/vm-$suite/test-results
rm -rf "$results"
mkdir -p "$results"

boot=
if [ "$suite" = selinux ]; then
  image=$(tests/vm/selinux-image.sh)
  boot=$(tests/vm/selinux-image.sh --boot)
else
  image=$(tests/vm/make-image.sh "$suite")
fi
source=$(pwd -P)
# The libraries of this host, for a machine of another release that lacks some.
libraries=$(dirname "$(ldconfig -p | sed -n 's/.*libc.so.6.* => //p' | head -n 1)")
# shellcheck disable=SC2086
exec tests/vm/machine.py run --timeout 1560 ${boot:+--boot "$boot"} \
  --share "$source" --share "$(realpath "$libraries"):/run/host-libraries" --writable "$source/$results" \
  "$image" env GTEST_FILTER="${GTEST_FILTER:-*}" LXCELL_VM_ENFORCING="${LXCELL_VM_ENFORCING:-}" sh "$source/tests/vm/inside.sh" "$source" "$results" $show "$@"
