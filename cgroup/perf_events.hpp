// What the processes of one cgroup do, as the kernel counts it for perf (perf_event_open(2) with PERF_FLAG_PID_CGROUP):
// one descriptor per event and processor, which count as long as they are open.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace cgroup {

/// By libvirt's name ("cpu_clock" in nanoseconds, "page_faults"): the sum over all processors since it was chosen.
using PerfCounts = std::vector<std::pair<std::string, std::uint64_t>>;

/// Any thread.
class PerfEvents {
 public:
  /// From now on these are counted and no others; those that are counted already go on. All or nothing. `directory` is
  /// open and on cgroup v2. Throws ArgumentUnsupported for an event that Linux no longer has, OperationUnsupported
  /// where perf's cgroups are not those of v2, SystemError for what this host's processor does not count.
  void choose(const std::set<std::string>& names, const base::Fd& directory);
  void close();
  std::set<std::string> names() const;
  /// Not extrapolated where the processor has too few counters for all of them.
  PerfCounts read() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<base::Fd>> counters_;
};

}  // namespace cgroup
