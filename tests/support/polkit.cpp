#include "support/polkit.hpp"

#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <set>
#include <stdexcept>

#include "support/scratch.hpp"

namespace support {
namespace {

std::mutex registry_mutex;
std::set<std::string> registry;

Output script(const std::string& action, const std::string& folder) {
  return run({LXCELL_POLKIT_SCRIPT, action, folder});
}

}  // namespace

std::string Polkit::missing() {
  if (!exists(LXCELL_POLKIT_SCRIPT)) return "polkit.sh is not on this machine";
  if (!have_program("dbus-daemon")) return "dbus-daemon is not installed (package dbus-daemon)";
  if (!have_program("dbus-send")) return "dbus-send is not installed (package dbus-bin)";
  if (!have_program("virsh")) return "virsh is not installed (package libvirt-clients)";
  if (!exists("/usr/lib/polkit-1/polkitd")) return "polkitd is not installed (package polkitd)";
  if (!exists("/usr/share/polkit-1/actions/org.libvirt.api.policy"))
    return "libvirt's polkit actions are not installed (package libvirt-daemon-system)";
  return "";
}

Polkit::Polkit(const std::string& rules) : folder_(make_folder("polkit")) {
  // polkitd and the clients are not root.
  std::filesystem::permissions(scratch(), std::filesystem::perms{0755});
  std::filesystem::permissions(folder_, std::filesystem::perms{0755});
  std::filesystem::create_directories(folder_ + "/rules");
  write_text(folder_ + "/rules/10-test.rules", rules);
  {
    const std::lock_guard lock(registry_mutex);
    registry.insert(folder_);
  }
  const Output started = script("start", folder_);
  if (started.status != 0) throw std::runtime_error("no polkitd: " + started.text);
}

Polkit::~Polkit() {
  script("stop", folder_);
  const std::lock_guard lock(registry_mutex);
  registry.erase(folder_);
}

void Polkit::end_all() {
  const std::lock_guard lock(registry_mutex);
  for (const auto& folder : registry) script("stop", folder);
}

void Polkit::signal(int number) const {
  ::kill(std::atoi(read_text(folder_ + "/polkitd.pid").c_str()), number);
}

void Polkit::hang() {
  signal(SIGSTOP);
}

void Polkit::go_on() {
  signal(SIGCONT);
}

void Polkit::kill() {
  signal(SIGKILL);
}

Output run_as_nobody(std::vector<std::string> command) {
  command.insert(command.begin(), {"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"});
  return run(command);
}

}  // namespace support
