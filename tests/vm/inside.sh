#!/bin/sh
# The part of system-tests.sh that happens in the machine: finds the programs the libraries this release lacks, and
# gives everything that waits more time, as emulation is ten times slower.
#   inside.sh SOURCE RESULTS [--show] PROGRAM...
set -eu
cd "$1"
results=$2
shift 2
show=
[ "$1" != --show ] || {
  show=--show
  shift
}
programs=
for program in "$@"; do programs="$programs build/tests/$program"; done

missing() {
  # shellcheck disable=SC2086
  ldd build/driver/virtlxcelld $programs | sed -n 's/^[[:space:]]*\(lib[^ ]*\) => not found/\1/p' | sort -u
}
# One found may lack others.
while [ -n "$(missing)" ]; do
  for library in $(missing); do
    [ -e "/run/host-libraries/$library" ] || {
      echo "inside: no library $library" >&2
      exit 1
    }
    ln -s "/run/host-libraries/$library" /usr/local/lib/
  done
  ldconfig
done
export LXCELL_TEST_TIME_SCALE=10 LXCELL_TEST_ONLY_HOST=yes TMPDIR=/var/tmp
# The processor under emulation has AMD's virtualization, which the emulator has too.
modprobe -q kvm_amd || true
if [ -c /dev/kvm ]; then export LXCELL_TEST_KVM=yes; fi
# perf events switch code of the kernel's scheduler while other processors run it, which the emulator does not always get
# right: Linux 6.12 panics there now and then, 6.1 has not.
case $(uname -r) in 6.12.*) export LXCELL_TEST_NO_PERF=yes ;; esac
# The network card to spare of image/hardware.py.
modprobe -q virtio_net || true
if [ -d /sys/bus/pci/devices/0000:00:1e.0 ]; then export LXCELL_TEST_PCI_NIC=0000:00:1e.0; fi
if [ -n "${LXCELL_VM_ENFORCING:-}" ]; then setenforce 1; fi
# shellcheck disable=SC2086
exec python3 cmake/run-tests.py run "$results" $show --timeout 1500 --again 3 $programs
