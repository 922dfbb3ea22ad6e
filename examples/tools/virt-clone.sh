#!/bin/sh
# virt-clone: a second container from the definition of a first; both use the same root filesystem.
. "$(dirname "$0")/staged.sh"
needs virtinst virt-clone
virsh -q -c $lxcell define "$here/../busybox.xml"

show virt-clone --connect $lxcell --original busybox --name second --auto-clone
expect "created successfully"
show virsh -c $lxcell start busybox
show virsh -c $lxcell start second
show virsh -c $lxcell list
expect second
