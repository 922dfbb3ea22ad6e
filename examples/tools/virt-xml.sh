#!/bin/sh
# virt-xml: changes the definition of a container, and its devices while it runs.
. "$(dirname "$0")/staged.sh"
needs virtinst virt-xml
ip link add name demo type bridge
virsh -q -c $lxcell define "$here/../busybox.xml"

show virt-xml -c $lxcell busybox --edit --memory 64,maxmemory=128 --define
show virt-xml -c $lxcell busybox --edit --metadata title="A server" --print-diff --define
expect "+  <title>A server</title>"
show virt-xml -c $lxcell busybox --add-device --filesystem /srv,/srv --define
show virsh -c $lxcell start busybox
show virt-xml -c $lxcell busybox --add-device --network bridge=demo,mac=02:00:00:00:00:01 --update
show virsh -c $lxcell domiflist busybox
expect 02:00:00:00:00:01
show virt-xml -c $lxcell busybox --edit mac=02:00:00:00:00:01 --network link.state=down --update
show virsh -c $lxcell domif-getlink busybox 02:00:00:00:00:01
expect down
show virt-xml -c $lxcell busybox --remove-device --network mac=02:00:00:00:00:01 --update
show virsh -c $lxcell domiflist busybox
