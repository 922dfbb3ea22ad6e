#!/bin/sh
# Pacemaker's resource agent ocf:heartbeat:VirtualDomain, called as the cluster's local manager calls it.
. "$(dirname "$0")/staged.sh"
agent=/usr/lib/ocf/resource.d/heartbeat/VirtualDomain
needs resource-agents $agent
export OCF_ROOT=/usr/lib/ocf HA_RSCTMP=/run/libvirt/agents HA_LOGFACILITY=none HA_debug=0 PCMK_logfile="$HOME/log" \
  OCF_RESOURCE_INSTANCE=web OCF_RESKEY_CRM_meta_timeout=30000 \
  OCF_RESKEY_config="$HOME/busybox.xml" OCF_RESKEY_hypervisor=$lxcell \
  OCF_RESKEY_autoset_utilization_cpu=false OCF_RESKEY_autoset_utilization_hv_memory=false \
  OCF_RESKEY_autoset_utilization_host_memory=false
mkdir -p "$HA_RSCTMP"
cp "$here/../busybox.xml" .

# call ACTION STATUS: the agent's exit status is the answer: 0 well or running, 7 not running.
call() {
  print_command VirtualDomain "$1"
  status=0
  timeout 60 $agent "$1" 2>&1 || status=$?
  echo "exit status $status"
  [ $status = "$2" ] || fail "$2 was expected"
}
call validate-all 0
call monitor 7
call start 0
call monitor 0
show virsh -c $lxcell list
expect busybox
call start 0
call stop 0
call monitor 7
show virsh -c $lxcell list --all

# A container that dies is noticed, and one that does not want to stop is made to.
call start 0
show virsh -c $lxcell destroy busybox
call monitor 7
sed -i 's|<init>/bin/web</init>|<init>/bin/sleep</init><initarg>1000</initarg>|' busybox.xml
call start 0
OCF_RESKEY_CRM_meta_timeout=7000 call stop 0
call monitor 7
