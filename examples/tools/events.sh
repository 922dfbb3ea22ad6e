#!/bin/sh
# libvirt-python's event loop: events of a container, and its console as a stream, in one thread.
. "$(dirname "$0")/staged.sh"
ip link add name demo type bridge
virsh -q -c $lxcell define "$here/../busybox.xml"
show /usr/bin/python3 "$here/events.py" $lxcell busybox
expect "lifecycle: Stopped"
