#include "cgroup/perf_events.hpp"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/error.hpp"

namespace cgroup {
namespace {

using base::Code;

struct Event {
  std::string_view name;  // libvirt's
  std::uint32_t type;
  std::uint64_t config;
};
constexpr Event kEvents[] = {
    {"cpu_cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"cache_references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"branch_instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"branch_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"bus_cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES},
    {"stalled_cycles_frontend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
    {"stalled_cycles_backend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
    {"ref_cpu_cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES},
    {"cpu_clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
    {"task_clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {"page_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"context_switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu_migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"page_faults_min", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {"page_faults_maj", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {"alignment_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS},
    {"emulation_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS},
};

const Event& find_event(const std::string& name) {
  const auto found =
      std::find_if(std::begin(kEvents), std::end(kEvents), [&](const Event& e) { return e.name == name; });
  if (found == std::end(kEvents))  // cmt, mbmt and mbml
    base::fail(Code::ArgumentUnsupported, "Linux has no perf event '", name, "' since 4.14");
  return *found;
}

base::Fd open_counter(const Event& event, int cpu, int directory) {
  perf_event_attr attributes = {};
  attributes.size = sizeof attributes;
  attributes.type = event.type;
  attributes.config = event.config;
  return base::Fd(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, directory, cpu, -1, PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC)));
}

std::vector<base::Fd> open_counters(const std::string& name, const base::Fd& directory) {
  const Event& event = find_event(name);
  if (!directory) base::fail(Code::OperationUnsupported, "perf event '", name, "' needs cgroup v2 on this host");
  std::vector<base::Fd> opened;
  const long cpus = ::sysconf(_SC_NPROCESSORS_CONF);
  for (int cpu = 0; cpu < cpus; ++cpu) {
    base::Fd counter = open_counter(event, cpu, directory.get());
    if (counter) {
      opened.push_back(std::move(counter));
      continue;
    }
    if (errno == ENODEV) continue;  // that processor is offline
    if (errno == EBADF)             // the directory is of another hierarchy than perf_event
      base::fail(Code::OperationUnsupported, "perf event '", name,
                 "' needs the cgroup controller 'perf_event' in v2, but this host has it in v1 or not at all");
    base::fail_errno(Code::SystemError, "cannot open perf event '", name, "' on processor ", cpu);
  }
  return opened;
}

}  // namespace

void PerfEvents::choose(const std::set<std::string>& names, const base::Fd& directory) {
  const std::scoped_lock lock(mutex_);
  std::map<std::string, std::vector<base::Fd>> fresh;
  for (const auto& name : names)
    if (!counters_.contains(name)) fresh.emplace(name, open_counters(name, directory));
  std::erase_if(counters_, [&](const auto& one) { return !names.contains(one.first); });
  counters_.merge(fresh);
}

void PerfEvents::close() {
  const std::scoped_lock lock(mutex_);
  counters_.clear();
}

std::set<std::string> PerfEvents::names() const {
  const std::scoped_lock lock(mutex_);
  std::set<std::string> found;
  for (const auto& counter : counters_) found.insert(counter.first);
  return found;
}

PerfCounts PerfEvents::read() const {
  const std::scoped_lock lock(mutex_);
  PerfCounts counts;
  for (const auto& [name, counters] : counters_) {
    std::uint64_t sum = 0;
    for (const auto& counter : counters) {
      std::uint64_t value = 0;
      if (::read(counter.get(), &value, sizeof value) == sizeof value) sum += value;
    }
    counts.emplace_back(name, sum);
  }
  return counts;
}

}  // namespace cgroup
