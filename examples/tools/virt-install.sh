#!/bin/sh
# virt-install: a container from a root filesystem, made and started in one call.
. "$(dirname "$0")/staged.sh"
needs virtinst virt-install
ip link add name demo type bridge
ip link set demo up

show virt-install --connect $lxcell --name made --memory 64 --init /bin/web --filesystem $busybox,/ \
  --network bridge=demo --osinfo generic --noautoconsole
expect "Domain creation completed"
show virsh -c $lxcell list --all
expect running
show virsh -c $lxcell domiflist made
expect demo

# What it cannot know it is told: there is no network called default here.
print_command virt-install --connect $lxcell --name other --memory 64 --filesystem $busybox,/ --osinfo generic
if output=$(virt-install --connect $lxcell --name other --memory 64 --filesystem $busybox,/ --osinfo generic 2>&1); then
  fail "a container was made in a network that does not exist"
fi
echo "$output" | grep ERROR
expect "start virtnetworkd or libvirtd"

# Made at once, and gone at its end.
show virt-install --connect $lxcell --name job --memory 64 --init /bin/sh --boot initargs="-c 'exit 0'" \
  --filesystem $busybox,/ --network none --transient --osinfo generic --noautoconsole
show virsh -c $lxcell list --all
