#include "container/affinity.hpp"

#include <sched.h>

#include <memory>
#include <vector>

#include "base/error.hpp"
#include "domain-xml/cpuset.hpp"

namespace container {
namespace {

constexpr unsigned kMaxCpus = 16384;  // as many as libvirt's lists know
constexpr std::size_t kSetBytes = kMaxCpus / 8;

struct Free {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};
using CpuSet = std::unique_ptr<cpu_set_t, Free>;

CpuSet make_set() {
  CpuSet set(CPU_ALLOC(kMaxCpus));
  CPU_ZERO_S(kSetBytes, set.get());
  return set;
}

}  // namespace

void set_affinity(pid_t process, const std::string& cpus) {
  const CpuSet set = make_set();
  if (cpus.empty()) {
    for (unsigned cpu = 0; cpu < kMaxCpus; ++cpu) CPU_SET_S(cpu, kSetBytes, set.get());
  } else {
    for (const unsigned cpu : domain_xml::cpuset_members(cpus)) CPU_SET_S(cpu, kSetBytes, set.get());
  }
  if (::sched_setaffinity(process, kSetBytes, set.get()) < 0)
    base::fail_errno(base::Code::SystemError, "cannot pin process ", process, " to processors '", cpus, "'");
}

std::string affinity(pid_t process) {
  const CpuSet set = make_set();
  if (::sched_getaffinity(process, kSetBytes, set.get()) < 0)
    base::fail_errno(base::Code::SystemError, "cannot ask for the processors of process ", process);
  std::string list;
  for (unsigned cpu = 0; cpu < kMaxCpus; ++cpu)
    if (CPU_ISSET_S(cpu, kSetBytes, set.get())) list += (list.empty() ? "" : ",") + std::to_string(cpu);
  return domain_xml::canonical_cpuset(list);
}

}  // namespace container
