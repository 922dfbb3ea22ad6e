#include "support/leaks.hpp"

#include <net/if.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/command.hpp"
#include "support/deadline.hpp"
#include "support/host.hpp"
#include "support/scratch.hpp"

namespace support {

namespace fs = std::filesystem;

namespace {

/// Where cgroups may be: below libvirt's partition, and below whatever the daemon itself was put into (a systemd
/// slice).
void find_cgroups(const fs::path& folder, const std::string& name, int depth, std::vector<std::string>& found) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    if (!entry->is_directory(gone) || entry->is_symlink(gone)) continue;
    if (entry->path().filename().string().find(name) != std::string::npos) {
      found.push_back(entry->path());
    } else if (depth > 0) {
      find_cgroups(entry->path(), name, depth - 1, found);
    }
  }
}

bool is_zombie(const fs::path& process) {
  const std::string stat = read_text(process / "stat");
  const auto end = stat.rfind(')');
  return end == std::string::npos || stat.size() < end + 3 || stat[end + 2] == 'Z' || stat[end + 2] == 'X';
}

std::vector<int> all_processes() {
  std::vector<int> pids;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string text = entry->path().filename();
    if (text.find_first_not_of("0123456789") == std::string::npos) pids.push_back(std::stoi(text));
  }
  return pids;
}

}  // namespace

std::vector<std::string> cgroups_of(const std::string& name) {
  // A systemd scope's name has every '-' of the machine name escaped.
  std::string escaped;
  for (const char letter : name) escaped += letter == '-' ? std::string("\\x2d") : std::string(1, letter);
  std::vector<std::string> found;
  find_cgroups("/sys/fs/cgroup", name, 4, found);
  if (escaped != name) find_cgroups("/sys/fs/cgroup", escaped, 4, found);
  return found;
}

std::vector<int> processes_of(const std::string& name) {
  std::vector<int> found;
  for (const int pid : all_processes()) {
    const fs::path process = "/proc/" + std::to_string(pid);
    if (read_text(process / "cgroup").find(name) == std::string::npos) continue;
    if (!is_zombie(process)) found.push_back(pid);
  }
  return found;
}

std::vector<std::string> traces_of(const std::string& name, const std::string& state_folder) {
  std::vector<std::string> found;
  for (const int pid : processes_of(name)) {
    found.push_back("process " + std::to_string(pid) + " " + read_text("/proc/" + std::to_string(pid) + "/comm"));
  }
  for (const auto& path : cgroups_of(name)) found.push_back("cgroup " + path);
  std::string mounts = "/proc/self/mountinfo";
  if (host().daemon() && host().daemon()->pid() > 0)
    mounts = "/proc/" + std::to_string(host().daemon()->pid()) + "/mountinfo";
  const std::string own_run = host().daemon() ? " " + host().daemon()->root() + "/run " : "the suite mounts nothing";
  std::ifstream table(mounts);
  for (std::string line; std::getline(table, line);) {
    if (line.find(name) != std::string::npos && line.find(own_run) == std::string::npos)
      found.push_back("mount " + line);
  }
  if (state_folder.empty()) return found;
  std::error_code error;
  for (fs::directory_iterator entry(state_folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename().string().find(name) != std::string::npos)
      found.push_back("file " + entry->path().string());
  }
  return found;
}

std::vector<std::string> wait_for_no_traces(const std::string& name, const std::string& state_folder) {
  std::vector<std::string> found;
  eventually(
      [&] {
        found = traces_of(name, state_folder);
        return found.empty();
      },
      scaled(Milliseconds(5000)));
  return found;
}

std::set<std::string> automatic_links() {
  std::set<std::string> found;
  struct if_nameindex* const all = if_nameindex();
  for (const struct if_nameindex* link = all; link && link->if_index; ++link) {
    const std::string name = link->if_name;
    if (name.starts_with("vnet") || name.starts_with("veth")) found.insert(name);
  }
  if_freenameindex(all);
  return found;
}

std::vector<std::string> wait_for_no_new_links(const std::set<std::string>& before) {
  std::vector<std::string> extra;
  eventually(
      [&] {
        extra.clear();
        for (const auto& link : automatic_links()) {
          if (!before.contains(link)) extra.push_back("link " + link);
        }
        return extra.empty();
      },
      scaled(Milliseconds(5000)));
  return extra;
}

void remove_traces(const std::string& name) {
  eventually([&] {
    const auto pids = processes_of(name);
    for (const int pid : pids) ::kill(pid, SIGKILL);
    return pids.empty();
  });
  for (const auto& group : cgroups_of(name)) {
    std::error_code error;
    std::vector<fs::path> below;
    for (fs::directory_iterator entry(group, error), end; !error && entry != end; entry.increment(error)) {
      if (std::error_code gone; entry->is_directory(gone)) below.push_back(entry->path());
    }
    for (const auto& leaf : below) fs::remove(leaf, error);
    fs::remove(group, error);
  }
}

void remove_leaks_of_stock(const std::string& name, const std::set<std::string>& before) {
  for (const auto& path : cgroups_of(name)) {
    std::error_code busy;
    fs::remove(path, busy);
  }
  const auto links = automatic_links();
  for (const auto& link : links) {
    const std::string folder = "/sys/class/net/" + link;
    if (before.contains(link) || exists(folder + "/master")) continue;
    char peer[IF_NAMESIZE] = "";
    const auto index = static_cast<unsigned>(std::atoi(read_text(folder + "/iflink").c_str()));
    if (if_indextoname(index, peer) && links.contains(peer)) run({"ip", "link", "del", link});
  }
}

}  // namespace support
