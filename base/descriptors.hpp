// How many descriptors this process may have, RLIMIT_NOFILE, and how near to that it is.
#pragma once

#include <sys/resource.h>

namespace base {

/// Raises the limit as far as we may: to the hard one, and that to the kernel's (fs.nr_open) with CAP_SYS_RESOURCE. To
/// be called first in main(). What it was is for the programs we start, some of which walk through all numbers.
void raise_descriptor_limit();
/// Before raise_descriptor_limit().
const rlimit& inherited_descriptor_limit();

/// Room for that many numbers, as far as the limit allows, before there are threads. Later the kernel waits for all
/// CPUs, some 10 ms, whenever the table has to grow (expand_fdtable() in fs/file.c), and with it whoever opens
/// something then.
void make_room_for_descriptors(int count);

/// The percentage of the limit that is in use, told from a descriptor just made: the kernel gives out the lowest free
/// number.
unsigned percent_in_use(int newest);

}  // namespace base
