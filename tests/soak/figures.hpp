// What a daemon and its containers take of the host, for comparing before and after.
#pragma once

#include <set>
#include <string>

#include "support/host.hpp"

namespace soak {

struct Figures {
  long resident_kib = 0;  // of the daemon
  long descriptors = 0, threads = 0;
  std::multiset<std::string> open_files;  // what the descriptors are, without numbers
  long children = 0;                      // processes of the daemon's, zombies too
  long processes = 0;                     // in cgroups of this run
  long cgroups = 0;                       // directories, all hierarchies
  long links = 0;                         // in this network namespace, which is this run's own
  long mounts = 0;                        // in the daemon's mount namespace
  long files = 0;                         // in the daemon's /run
};
/// Once they no longer change.
Figures figures(const support::Daemon& daemon = *support::host().daemon());
/// While the daemon is busy.
Figures figures_now(const support::Daemon& daemon = *support::host().daemon());
std::string describe(const Figures& figures);

/// Prints both and fails the test when anything but memory and threads is more than before once patience is over; and
/// when more than `memory_kib` is, which grows with the time scale: what makes a daemon slow, sanitizers, makes it
/// large.
void expect_no_leak(const Figures& before, const std::string& what, long memory_kib = 16384,
                    const support::Daemon& daemon = *support::host().daemon());

}  // namespace soak
