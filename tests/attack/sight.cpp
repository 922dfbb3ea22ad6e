// What the host keeps to itself.
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
namespace {

/// A byte of it; an empty file gives nothing away.
std::function<Outcome(const Facts&)> read_from(const char* path) {
  return [=](const Facts&) {
    if (access(path, F_OK) != 0) return not_there("no file");
    const File file(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    char byte;
    if (!file) return refused_errno();
    const ssize_t got = read(file.get(), &byte, 1);
    if (got < 0) return errno == EAGAIN ? let_through("opened") : refused_errno();
    return got == 1 ? let_through("read") : refused("empty");
  };
}

bool is_zero(const std::string& hexadecimal) {
  return hexadecimal.find_first_not_of('0') == std::string::npos;
}

Outcome read_kernel_addresses(const Facts&) {
  const auto lines = lines_of(read_some("/proc/kallsyms", 4096));
  if (lines.empty()) return refused("empty");
  return std::all_of(lines.begin(), lines.end() - 1, [](const auto& line) { return is_zero(line.substr(0, 16)); })
             ? refused("zeroes")
             : let_through("addresses");
}

Outcome read_physical_map(const Facts&) {
  for (const auto& line : lines_of(read_some("/proc/iomem")))
    if (contains(line, "Kernel code") && line.find_first_of("123456789abcdef") < line.find(':'))
      return let_through("addresses");
  return refused("zeroes");
}

std::function<Outcome(const Facts&)> list(const char* path) {
  return [=](const Facts&) {
    if (access(path, F_OK) != 0) return not_there("no directory");
    const auto names = names_in(path);
    return names.empty() ? refused("empty") : let_through(names.front());
  };
}

Outcome see_neighbour_in_mounts(const Facts& facts) {
  const std::string name = facts["neighbour"];
  return contains(read_some("/proc/self/mountinfo", 1 << 20), name) ? let_through("mountinfo")
                                                                    : refused("not in sight");
}

Outcome find_host_semaphore(const Facts& facts) {
  return judge(semget(static_cast<key_t>(std::stol(facts["semaphore"])), 1, 0));
}

}  // namespace

Attempts sight_attempts() {
  return {
      {"kallsyms", read_kernel_addresses},
      {"iomem", read_physical_map},
      {"kcore", read_from("/proc/kcore")},
      {"kmsg", read_from("/proc/kmsg")},
      {"dev_kmsg", read_from("/dev/kmsg")},
      {"keys", read_from("/proc/keys")},
      {"timer_list", read_from("/proc/timer_list")},
      {"sched_debug", read_from("/sys/kernel/debug/sched/debug")},
      {"vmallocinfo", read_from("/proc/vmallocinfo")},
      {"slabinfo", read_from("/proc/slabinfo")},
      {"kpageflags", read_from("/proc/kpageflags")},
      {"kpagecount", read_from("/proc/kpagecount")},
      {"sys_firmware", list("/sys/firmware")},
      {"sys_debug", list("/sys/kernel/debug")},
      {"sys_tracing", list("/sys/kernel/tracing")},
      {"sys_pstore", list("/sys/fs/pstore")},
      {"sys_fuse_connections", list("/sys/fs/fuse/connections")},
      {"neighbour_in_mounts", see_neighbour_in_mounts},
      {"host_semaphore", find_host_semaphore},
  };
}

}  // namespace attack
