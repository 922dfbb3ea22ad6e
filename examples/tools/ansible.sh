#!/bin/sh
# Ansible: a playbook with community.libvirt.virt, run twice; and commands in the container by its connection plugin.
. "$(dirname "$0")/staged.sh"
needs ansible ansible-playbook
export ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_INVENTORY_UNPARSED_WARNING=false \
  ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3
show ansible-playbook -e uri=$lxcell -e xml="$here/../busybox.xml" "$here/ansible.yml"
expect "failed=0"
show virsh -c $lxcell list --all
