#!/bin/sh
# Runs one script that the host sends and tells how it ended. The ports go one way each: the guest blocks when the host
# closes its end of a two-way port. On vm.status: "ready", "started" and "status N". The machine goes off afterwards.
cd /dev/virtio-ports 2>/dev/null || cd /dev || exit 1
until [ -e /dev/virtio-ports/vm.command ] && [ -e /dev/virtio-ports/vm.output ] && [ -e /dev/virtio-ports/vm.status ]; do
  sleep 0.1
done
cd /root || exit 1
exec 3>/dev/virtio-ports/vm.status 4>/dev/virtio-ports/vm.output
echo ready >&3
while IFS= read -r line; do
  [ "$line" = "vm: end of script" ] && break
  printf '%s\n' "$line"
done </dev/virtio-ports/vm.command >/run/vm-script
echo started >&3
HOME=/root /bin/sh /run/vm-script </dev/null >&4 2>&1 3>&- 4>&-
echo "status $?" >&3
sync
echo o >/proc/sysrq-trigger
