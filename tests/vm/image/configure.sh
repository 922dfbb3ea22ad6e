#!/bin/sh
# Turns a freshly installed Debian in ROOT into a test machine: the agent that runs commands, nothing else that starts
# by itself, and no drivers for hardware that is not there.
#   configure.sh ROOT
set -eu
here=$(dirname "$0")
root=$1

echo lxcell-vm >"$root/etc/hostname"
printf '127.0.0.1 localhost lxcell-vm\n::1 localhost\n' >"$root/etc/hosts"
printf '/dev/vda / ext4 rw 0 0\n' >"$root/etc/fstab"
install -m 644 "$here/blacklist.conf" "$root/etc/modprobe.d/vm.conf"
install -m 755 "$here/agent.sh" "$root/usr/local/sbin/vm-agent"
install -m 644 "$here/agent.service" "$root/etc/systemd/system/vm-agent.service"
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/vm.conf"

wants=$root/etc/systemd/system/multi-user.target.wants
mkdir -p "$wants"
ln -s ../vm-agent.service "$wants/"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer getty@tty1.service getty.target serial-getty@ttyS0.service systemd-update-utmp.service \
  systemd-update-utmp-runlevel.service systemd-random-seed.service systemd-journal-flush.service \
  systemd-tmpfiles-clean.timer systemd-pstore.service systemd-timesyncd.service libvirt-guests.service \
  systemd-binfmt.service systemd-growfs-root.service machines.target remote-fs.target; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# Not `systemctl disable libvirtd`: its Also= lines would take the sockets along.
# auditd waits for the tests that want it.
for daemon in auditd libvirtd virtlxcd virtnetworkd virtnodedevd virtsecretd virtstoraged virtnwfilterd virtproxyd virtqemud; do
  rm -f "$wants/$daemon.service"
done
