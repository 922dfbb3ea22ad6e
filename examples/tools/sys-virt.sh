#!/bin/sh
# Perl's Sys::Virt: a container defined, started, watched and ended.
. "$(dirname "$0")/staged.sh"
needs libsys-virt-perl /usr/share/doc/libsys-virt-perl
show perl "$here/sys-virt.pl" $lxcell "$here/../busybox.xml"
expect "Sys::Virt::Error 42"
