#include "support/libvirtd.hpp"

#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <set>
#include <stdexcept>

#include "support/scratch.hpp"

namespace support {
namespace {

std::mutex registry_mutex;
std::set<std::string> registry;

Output script(const std::string& action, const std::string& folder) {
  return run({LXCELL_LIBVIRTD_SCRIPT, action, folder});
}

}  // namespace

std::string Libvirtd::missing() {
  if (!exists(LXCELL_LIBVIRTD_SCRIPT)) return "libvirtd.sh is not on this machine";
  if (!have_program("libvirtd")) return "libvirtd is not installed (package libvirt-daemon)";
  if (!have_program("virsh")) return "virsh is not installed (package libvirt-clients)";
  return "";
}

Libvirtd::Libvirtd() : folder_(make_folder("libvirtd")) {
  {
    const std::lock_guard lock(registry_mutex);
    registry.insert(folder_);
  }
  start();
}

Libvirtd::~Libvirtd() {
  script("stop", folder_);
  const std::lock_guard lock(registry_mutex);
  registry.erase(folder_);
}

void Libvirtd::end_all() {
  const std::lock_guard lock(registry_mutex);
  for (const auto& folder : registry) script("stop", folder);
}

void Libvirtd::start() {
  const Output started = script("start", folder_);
  if (started.status != 0) throw std::runtime_error("no libvirtd: " + started.text);
}

void Libvirtd::kill() {
  script("kill", folder_);
}

pid_t Libvirtd::pid() const {
  return std::atoi(read_text(folder_ + "/pid").c_str());
}

std::string Libvirtd::uri(const std::string& driver) const {
  return driver + ":///system?socket=" + sockets() + "/libvirt-sock";
}

Output Libvirtd::inside(std::vector<std::string> command) const {
  auto words = entrance();
  words.insert(words.end(), command.begin(), command.end());
  return run(words);
}

}  // namespace support
