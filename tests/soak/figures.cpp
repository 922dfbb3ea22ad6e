#include "soak/figures.hpp"

#include <gtest/gtest.h>
#include <net/if.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "soak/settings.hpp"
#include "support/deadline.hpp"
#include "support/leaks.hpp"
#include "support/scratch.hpp"

namespace soak {
namespace {

namespace fs = std::filesystem;

long entries_of(const std::string& folder) {
  std::error_code error;
  long count = 0;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) ++count;
  return count;
}

std::multiset<std::string> open_files_of(const std::string& process) {
  std::multiset<std::string> found;
  std::error_code error;
  for (fs::directory_iterator entry(process + "/fd", error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    std::string target = fs::read_symlink(entry->path(), gone);
    std::erase_if(target, [](unsigned char letter) { return std::isdigit(letter) != 0; });
    if (!gone) found.insert(std::move(target));
  }
  return found;
}

long children_of(int pid) {
  long count = 0;
  std::error_code error;
  for (fs::directory_iterator task("/proc/" + std::to_string(pid) + "/task", error), end; !error && task != end;
       task.increment(error)) {
    std::ifstream list(task->path() / "children");
    for (int child = 0; list >> child;) ++count;
  }
  return count;
}

long status_number(int pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key + ":")) return std::strtol(line.c_str() + key.size() + 1, nullptr, 10);
  return 0;
}

long count_links() {
  long count = 0;
  struct if_nameindex* const all = if_nameindex();
  for (const struct if_nameindex* link = all; link && link->if_index; ++link) ++count;
  if_freenameindex(all);
  return count;
}

}  // namespace

Figures figures_now(const support::Daemon& daemon) {
  const int pid = daemon.pid();
  const std::string process = "/proc/" + std::to_string(pid);
  Figures now;
  now.resident_kib = status_number(pid, "VmRSS");
  now.threads = status_number(pid, "Threads");
  now.open_files = open_files_of(process);
  now.descriptors = static_cast<long>(now.open_files.size());
  now.children = children_of(pid);
  now.processes = static_cast<long>(support::processes_of(support::prefix()).size());
  now.cgroups = static_cast<long>(support::cgroups_of(support::prefix()).size());
  now.links = count_links();
  std::ifstream mounts(process + "/mountinfo");
  for (std::string line; std::getline(mounts, line);) ++now.mounts;
  now.files = entries_of(daemon.state_folder());
  return now;
}

namespace {
bool same(const Figures& a, const Figures& b) {
  return a.descriptors == b.descriptors && a.children == b.children && a.processes == b.processes &&
         a.cgroups == b.cgroups && a.links == b.links && a.mounts == b.mounts && a.files == b.files;
}
}  // namespace

/// What has been answered may still be tidied up, or completed, in the background.
Figures figures(const support::Daemon& daemon) {
  Figures before = figures_now(daemon), now;
  support::eventually([&] {
    now = std::exchange(before, figures_now(daemon));
    return same(now, before);
  });
  return now;
}

std::string describe(const Figures& of) {
  const auto one = [](const char* name, long value) { return std::string(", ") + name + " " + std::to_string(value); };
  return "memory " + std::to_string(of.resident_kib) + " KiB" + one("descriptors", of.descriptors) +
         one("threads", of.threads) + one("children", of.children) + one("processes", of.processes) +
         one("cgroups", of.cgroups) + one("links", of.links) + one("mounts", of.mounts) + one("files", of.files);
}

void expect_no_leak(const Figures& before, const std::string& what, long memory_kib, const support::Daemon& daemon) {
  Figures after;
  const auto flat = [&] {
    after = figures_now(daemon);
    return after.descriptors <= before.descriptors && after.children <= before.children &&
           after.processes <= before.processes && after.cgroups <= before.cgroups && after.links <= before.links &&
           after.mounts <= before.mounts && after.files <= before.files;
  };
  std::vector<std::string> more;
  const bool is_flat = support::eventually(flat);
  if (!is_flat) std::ranges::set_difference(after.open_files, before.open_files, std::back_inserter(more));
  EXPECT_TRUE(is_flat) << what << " leaked " << testing::PrintToString(more);
  EXPECT_LE(after.resident_kib,
            before.resident_kib + static_cast<long>(static_cast<double>(memory_kib) * support::time_scale()))
      << what << " leaked memory";
  report(what + ", before: " + describe(before));
  report(what + ", after:  " + describe(after));
}

}  // namespace soak
