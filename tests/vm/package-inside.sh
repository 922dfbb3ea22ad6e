#!/bin/sh
# The part of package.sh that happens in the machine. Everything shown is in the transcript too.
#   package-inside.sh SOURCE ARCHIVE RESULTS VERSION NEXT
set -u
source=$1 archive=$2 results=$3 version=$4 next=$5
export HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
exec 3>&1 >"$results/package.txt" 2>&1
. "$source/examples/show.sh"
passed=0
failed=0

# What fails does not end the run, which is long: it is shown, counted, and fails it at the end.
fail() {
  failed=$((failed + 1))
  echo "FAILED: $*"
  journalctl -b --no-pager -n 12 -u 'virtlxcelld*' 2>/dev/null || true
}
# show COMMAND...: as examples/show.sh, with the time emulation takes.
show() {
  print_command "$@"
  status=0
  output=$(timeout 1800 "$@" 2>&1) || status=$?
  [ -z "$output" ] || echo "$output"
  if [ $status -eq 0 ]; then passed=$((passed + 1)); else fail "that failed"; fi
}
# refused COMMAND...: shown, and it has to fail.
refused() {
  print_command "$@"
  if output=$(timeout 1800 "$@" 2>&1); then fail "that was to fail"; else passed=$((passed + 1)); fi
  echo "$output"
}
holds() {
  if "$@" >/dev/null; then passed=$((passed + 1)); else fail "$* does not hold"; fi
}
say() {
  printf '\n# %s\n' "$*"
  echo "package: $* ($(cut -d' ' -f1 /proc/uptime))" >&3
}
# Every file that is not a package's or a log of the machine's own.
files() {
  find /etc /usr /lib/systemd /var/lib /var/log/libvirt /run/libvirt /run/systemd/system /var/cache/libvirt -xdev \
    -not -path '/var/lib/dpkg/*' -not -path '/var/lib/apt/*' -not -path '/var/lib/systemd/*' -not -path '/var/lib/man-db/*' 2>/dev/null |
    grep -vE '/etc/apt/|__pycache__|\.cache$|/run/libvirt/(common|network|qemu|lxc)|ld.so.cache|aux-cache' | sort
}
runs() {
  holds [ "$(virsh -c "$1" domstate "$2" 2>/dev/null)" = running ]
}

# The image leaves documents out, and knows no archive; this is where its packages come from.
rm -f /etc/dpkg/dpkg.cfg.d/*
echo "deb [trusted=yes] copy:$archive ./" >/etc/apt/sources.list
rm -f /etc/apt/sources.list.d/*
apt-get -q update >/dev/null
ip link set lo up
apt-get -q -y install openssh-server netcat-openbsd bash-completion $(cd "$archive" && for deb in *.deb; do
  name=${deb%%_*}; [ "$name" = lxcell ] || echo "$name"; done | sort -u) >"$results/prepare.log" 2>&1 || fail "apt: $(tail -n 5 "$results/prepare.log")"
systemctl start libvirtd.socket polkit.service
virsh -c lxc:///system list >/dev/null
files >/run/files-before

say "A Debian with stock libvirt; the package comes from an archive"
show sh -c '. /etc/os-release; echo $PRETTY_NAME; virsh --version'
show apt-get -q -y -o Dpkg::Use-Pty=0 install lxcell="$version"
show systemctl enable --now virtlxcelld.socket
show systemctl is-enabled virtlxcelld.service virtlxcelld.socket virtlxcelld-ro.socket virtlxcelld-admin.socket
refused systemctl is-enabled virtlxcelld-lxc.service virtlxcelld-lxc.socket
show sh -c 'ls -l /run/libvirt/virtlxcelld*'
show dpkg -L lxcell
expect /usr/share/man/man8/lxcell-import.8.gz

say "The examples, with stock virsh"
show sh /usr/share/doc/lxcell/examples/make-busybox-rootfs.sh
show virsh -c lxcell:///system define /usr/share/doc/lxcell/examples/busybox.xml
show virsh -c lxcell:///system start busybox
show virsh -c lxcell:///system define /usr/share/doc/lxcell/examples/oneshot.xml
show virsh -c lxcell:///system start oneshot
show virsh -c lxcell:///system autostart busybox
show virsh -c lxcell:///system list --all
expect "busybox   running"
show virsh -c lxcell:///system lxc-enter-namespace busybox --noseclabel -- /bin/wget -q -O - http://127.0.0.1/
expect "Hello from a container."
show sh -c 'cat /proc/$(virsh -c lxcell:///system domid busybox)/cgroup'
expect "machine-lxcell.scope"
show sh -c 'cat /proc/$(pgrep -P $(virsh -c lxcell:///system domid busybox))/attr/current'
expect "lxcell-container"
show virt-admin -c virtlxcelld:///system server-list
show python3 -c 'import libvirt
connection = libvirt.open("lxcell:///system")
for domain in connection.listAllDomains():
    print(domain.name(), domain.state(), domain.autostart())'
expect "busybox [1, 1] 1"
show sh -c 'systemd-analyze security --no-pager virtlxcelld.service | tail -n 1'
show sh -c 'systemd-analyze security --no-pager libvirtd.service | tail -n 1'

say "Who may: everybody looks, the group libvirt manages"
show getent group libvirt
useradd -m -G libvirt anna
useradd -m berta
show runuser -u anna -- virsh -c lxcell:///system domstate busybox
show runuser -u berta -- virsh -r -c lxcell:///system domstate busybox
refused runuser -u berta -- virsh -c lxcell:///system domstate busybox

say "From another host, by ssh"
mkdir -p /root/.ssh /run/sshd
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
printf 'Host *\n  StrictHostKeyChecking no\n  LogLevel ERROR\n' >/root/.ssh/config
systemctl start ssh
show virsh -c lxcell+ssh://localhost/system list
expect "busybox   running"
show virsh -c 'lxcell+ssh://localhost/system?proxy=netcat&socket=/run/libvirt/virtlxcelld-sock' domstate busybox

say "The clients of Debian 13"
mkdir -p /srv/clients && mount -t tmpfs tmpfs /srv/clients && mkdir /srv/clients/up /srv/clients/work /srv/clients/root
mount -t overlay -o lowerdir=/srv/trixie,upperdir=/srv/clients/up,workdir=/srv/clients/work overlay /srv/clients/root
for directory in proc dev run; do mount --bind /$directory /srv/clients/root/$directory; done
show chroot /srv/clients/root virsh -c lxcell:///system version
expect "library: libvirt 11"
show chroot /srv/clients/root virsh -c lxcell:///system list --all
show chroot /srv/clients/root virsh -c lxcell:///system domstats busybox --state
show chroot /srv/clients/root python3 -c 'import libvirt
domain = libvirt.open("lxcell:///system").lookupByName("busybox")
domain.suspend(); print(domain.state()); domain.resume(); print(domain.state())'
expect "[1, 5]"
for directory in run dev proc; do umount /srv/clients/root/$directory; done
umount /srv/clients/root /srv/clients

say "A host's own lxc:/// moves over"
sed -e '/^<!--/,/-->$/d' -e 's/<name>busybox/<name>old/' /usr/share/doc/lxcell/examples/busybox.xml >/root/old.xml
show virsh -c lxc:///system define /root/old.xml
show virsh -c lxc:///system autostart old
show lxcell-import --dry-run libvirt
expect "old: would be taken over"
show lxcell-import libvirt --from lxc:///system
expect "kept: starts with the host"
show virsh -c lxcell:///system start old
runs lxcell:///system old
refused systemctl start virtlxcelld-lxc.service
show virsh -c lxcell:///system destroy old
show virsh -c lxcell:///system undefine old
show apt-get -q -y -o Dpkg::Use-Pty=0 remove libvirt-daemon-driver-lxc
systemctl stop libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket
show systemctl enable --now virtlxcelld-lxc.socket virtlxcelld-lxc-ro.socket
show virsh -c lxc:///system list --all
expect "old"
show virsh -c lxc:///system start old
runs lxc:///system old
show python3 -c 'import libvirt; print(libvirt.openReadOnly("lxc:///system").getURI())'
expect "lxc:///system"

say "Upgrade to a higher version, compiled as such: containers go on throughout"
# The id is the supervisor's, which is also told by when it began.
state() {
  for id in "$(virsh -c lxcell:///system domid busybox)" "$(virsh -c lxc:///system domid old)"; do
    echo "$id $(cut -d' ' -f22 "/proc/$id/stat")"
  done
}
# watch NAME SUPERVISOR: asks its web server over and over, past every daemon.
watch() {
  init=$(pgrep -o -P "$2")
  while [ -e /run/watching ]; do
    nsenter -t "$init" -n timeout 60 bash -c 'exec 3<>/dev/tcp/127.0.0.1/80 && printf "GET / HTTP/1.0\r\n\r\n" >&3 && tail -n 1 <&3' ||
      echo "no answer"
    sleep 1
  done >>"/run/answers-of-$1" 2>&1
}
# answers NAME: how many there are.
answers() {
  wc -l <"/run/answers-of-$1"
}
touch /run/watching /run/answers-of-busybox /run/answers-of-old
watch busybox "$(virsh -c lxcell:///system domid busybox)" &
watch old "$(virsh -c lxc:///system domid old)" &
# Both are being asked before anything is exchanged.
for _ in $(seq 300); do
  [ "$(answers busybox)" -eq 0 ] || [ "$(answers old)" -eq 0 ] || break
  sleep 1
done
state >/run/before
daemons=$(pgrep -x virtlxcelld | tr '\n' ' ')
show virtlxcelld --version
expect "$version"
asked_busybox=$(answers busybox) asked_old=$(answers old)
show apt-get -q -y -o Dpkg::Use-Pty=0 install lxcell="$next"
holds [ "$(answers busybox)" -ge $((asked_busybox + 3)) ]
holds [ "$(answers old)" -ge $((asked_old + 3)) ]
runs lxcell:///system busybox
runs lxc:///system old
state >/run/after
holds diff /run/before /run/after
show virtlxcelld --version
expect "$next"
for pid in $daemons; do ! kill -0 "$pid" 2>/dev/null || fail "daemon $pid was not exchanged"; done
show virsh -c lxcell:///system list
show virsh -c lxc:///system list
show virsh -c lxcell:///system lxc-enter-namespace busybox --noseclabel -- /bin/wget -q -O - http://127.0.0.1/
rm /run/watching
wait
for name in busybox old; do
  show sort -u "/run/answers-of-$name"
  holds [ "$output" = "Hello from a container." ]
  echo "package: $name answered $(answers "$name") times" >&3
done

say "What the documents say of a host of one's own"
print_command tests/docs/run.py --vm 'docs/*.md'
python3 "$source/tests/docs/run.py" --vm "$source"/docs/*.md || fail "a document is wrong"
passed=$((passed + 1))

say "Remove: containers go on still; installed again, the daemon finds them"
id=$(virsh -c lxcell:///system domid busybox)
show apt-get -q -y -o Dpkg::Use-Pty=0 remove lxcell
holds kill -0 "$id"
refused virsh -c lxcell:///system list
show apt-get -q -y -o Dpkg::Use-Pty=0 install lxcell="$next"
runs lxcell:///system busybox
[ "$(virsh -c lxcell:///system domid busybox)" = "$id" ] || fail "another run of busybox"

say "Purge: nothing stays but definitions, and what the user made"
show apt-get -q -y -o Dpkg::Use-Pty=0 purge lxcell
! pgrep -x lxcell-supervis >/dev/null || fail "a supervisor is left"
! systemctl list-units --plain --no-legend --all '*lxcell*' | grep . || fail "units are left"
files >/run/files-after
show sh -c 'comm -13 /run/files-before /run/files-after | grep -v /examples/busybox/'
printf '%s\n' "$output" >"$results/left"
# libvirt's own directories of lxc:///, and what useradd keeps, are no traces of ours.
cat >/run/expected <<EXPECTED
/etc/libvirt/lxc
/etc/libvirt/lxc/autostart
/etc/libvirt/lxc/autostart/old.xml
/etc/libvirt/lxc/old.xml
/etc/libvirt/lxcell
/etc/libvirt/lxcell/autostart
/etc/libvirt/lxcell/autostart/busybox.xml
/etc/libvirt/lxcell/busybox.xml
/etc/libvirt/lxcell/oneshot.xml
/etc/subgid-
/etc/subuid-
/var/lib/libvirt/lxcell
/var/lib/libvirt/lxcell/examples
/var/lib/libvirt/lxcell/examples/busybox
/var/log/libvirt/lxc/old.log
EXPECTED
sort -o /run/expected /run/expected
extra=$(comm -13 /run/expected "$results/left")
[ -z "$extra" ] || fail "left behind: $extra"

say "$passed steps worked, $failed did not"
[ $failed -eq 0 ] || cat "$results/package.txt" >&3
exit $failed
