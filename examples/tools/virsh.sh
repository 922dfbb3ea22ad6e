#!/bin/sh
# virsh: every command of `virsh help domain` and `virsh help monitor`, against a running container.
#   virsh.sh [URI]     URI: of another daemon to ask the same, such as libvirt's own LXC driver
# Commands marked + have to work; the others may also be refused, but in words: a lost connection, an unknown procedure
# or an internal error fails the script, as does a command of virsh that is not in the list.
. "$(dirname "$0")/staged.sh"
uri=${1:-$lxcell}
ip link add name demo type bridge
ip link set demo up
truncate -s 1M disk.raw
echo "<disk type='file'><source file='$PWD/disk.raw'/><target dev='vdb'/></disk>" >disk.xml
echo "<interface type='bridge'><mac address='02:00:00:00:00:02'/><source bridge='demo'/></interface>" >nic.xml
echo "<interface type='bridge'><mac address='02:00:00:00:00:02'/><source bridge='demo'/><link state='down'/></interface>" \
  >nic-down.xml
printf 'lxc.uts.name = converted\nlxc.rootfs.path = /srv\n' >lxc.conf
uuid=0b1fd5ac-6bb5-4cf7-9be9-8d0c7d41b0a1
sed "s|<name>busybox</name>|<name>web</name><uuid>$uuid</uuid>|" "$here/../busybox.xml" >web.xml
sed -e 's|<name>busybox<|<name>passing<|' "$here/../busybox.xml" >passing.xml
echo secret >keys

commands() {
  sed -e 's/#.*//' -e '/^ *$/d' <<'LIST'
+ define web.xml
+ create passing.xml
+ destroy passing
+ list --all
+ start web
# asked
+ domid web
+ domname UUID
+ domuuid web
+ dominfo web
+ domstate web --reason
- domcontrol web
+ domstats web --state --vcpu
+ dommemstat web
+ cpu-stats web --total
+ dumpxml web --xpath /domain/name
+ desc web
+ ttyconsole web
- vcpuinfo web
+ vcpucount web
+ vcpupin web
+ emulatorpin web
+ domblklist web
- domblkerror web
+ domiflist web
+ domxml-from-native lxc-tools lxc.conf
+ domxml-to-native lxc-tools --domain web
- domjobinfo web
- domfsinfo web
- domhostname web
- domtime web
- guestinfo web
- guestvcpus web
- get-user-sshkeys web root
- iothreadinfo web
- domdisplay web
- vncdisplay web
- domlaunchsecinfo web
- screenshot web picture.ppm
- migrate-getmaxdowntime web
- migrate-getspeed web
- migrate-compcache web
- qemu-monitor-command web info
- qemu-agent-command web info
- qemu-monitor-event web --timeout 1
- managedsave-dumpxml web
- save-image-dumpxml saved
# tuned
+ schedinfo web --live cpu_shares=512
+ memtune web --live --soft-limit 32768
+ blkiotune web
+ numatune web
+ setmem web 49152
+ setmaxmem web 98304 --config
+ setvcpus web 1 --config
- setvcpu web 0 --enable
+ perf web
+ metadata web urn:example --set <a/> --key e
+ desc web --title A-server
+ autostart web
- set-lifecycle-action web crash destroy
- iothreadadd web 1
- iothreadset web 1 --poll-max-ns 1
- iothreadpin web 1 0
- iothreaddel web 1
- domblkthreshold web vda 1
- update-memory-device web --requested-size 1
- guest-agent-timeout web
- migrate-setmaxdowntime web 1
- migrate-setspeed web 1
# devices
+ attach-device web nic.xml
+ domif-getlink web 02:00:00:00:00:02
+ domif-setlink web 02:00:00:00:00:02 up
+ domifstat web 02:00:00:00:00:02
+ domiftune web 02:00:00:00:00:02
+ domifaddr web --source agent
+ update-device web nic-down.xml
+ detach-device web nic.xml
+ attach-interface web bridge demo --mac 02:00:00:00:00:03
+ detach-interface web bridge --mac 02:00:00:00:00:03
+ attach-disk web DIR/disk.raw vdb
+ domblkinfo web vdb
+ domblkstat web vdb
+ blkdeviotune web vdb --write-bytes-sec 1048576
+ blkdeviotune web vdb
- blockresize web vdb 1024
- blockpull web vdb
- blockcommit web vdb
- blockcopy web vdb DIR/copy.raw
- blockjob web vdb --info
+ detach-disk web vdb
- detach-device-alias web net0
- attach-device web disk.xml
- change-media web vdb --eject
- edit web
- dom-fd-associate web name
# inside
+ lxc-enter-namespace web --noseclabel /bin/true
+ send-process-signal web 1 hup
- send-key web KEY_A
- inject-nmi web
- domfsfreeze web
- domfsthaw web
- domfstrim web
- set-user-password web root secret
- set-user-sshkeys web root --file keys
- dompmsuspend web mem
- dompmwakeup web
# kept
- domsetlaunchsecstate web --secrethdr keys --secret keys
- domdirtyrate-calc web
- domjobabort web
- dump web core
- save web saved
- restore saved
- save-image-define saved web.xml
- save-image-edit saved
- managedsave web
- managedsave-remove web
- managedsave-edit web
- managedsave-define web web.xml
- migrate web lxcell:///system
- migrate-postcopy web
- qemu-attach 1
- console nobody
# run
+ suspend web
+ resume web
- reset web
+ reboot web
+ shutdown web
- domrename web renamed
- domrename renamed web
+ undefine web
LIST
}

for group in domain monitor; do
  for word in $(virsh help $group | sed '1d' | awk '{ print $1 }'); do
    commands | grep -q "^. $word " || fail "'$word' is not tried"
  done
done
commands | sed "s|DIR|$PWD|;s|UUID|$uuid|" >list
wrong=
while read -r mark words; do
  # shellcheck disable=SC2086
  set -- $words
  printf '\n$ virsh %s\n' "$words"
  status=0
  EDITOR=true timeout 20 virsh -c "$uri" "$@" >answer 2>&1 </dev/null || status=$?
  grep . answer || true
  if [ $status != 0 ] && [ "$mark" = + ] || [ $status -gt 1 ] ||
    grep -qE 'internal error|unknown procedure|End of file|cause is unknown|[Rr]eset by peer' answer; then
    wrong="$wrong '$words'"
    echo "(wrong)"
  fi
  [ "$1" != shutdown ] || until_state web "shut off"
done <list
[ -z "$wrong" ] || fail "not as it should be:$wrong"
