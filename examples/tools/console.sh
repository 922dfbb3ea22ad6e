#!/bin/sh
# virsh console on a terminal: a shell that is typed into, left with ^] and found again.
. "$(dirname "$0")/staged.sh"
sed -e 's|<name>busybox<|<name>shell<|' -e 's|/bin/web|/bin/sh|' "$here/../busybox.xml" >shell.xml
virsh -q -c $lxcell define shell.xml

print_command virsh -c $lxcell start shell --console
/usr/bin/python3 "$here/console.py" "/ # " 'echo $((6 * 7)) >/tmp/answer' "/ # " \
  -- virsh -c $lxcell start shell --console
print_command virsh -c $lxcell console shell
/usr/bin/python3 "$here/console.py" "Escape character" "cat /tmp/answer" "$(printf '42\r\n/ # ')" -- virsh -c $lxcell console shell
show virsh -c $lxcell ttyconsole shell
expect /dev/pts/
