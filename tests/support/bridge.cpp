#include "support/bridge.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <stdexcept>

#include "support/command.hpp"
#include "support/scratch.hpp"

namespace support {
namespace {

/// Those of test programs that were killed: "lxsPIDbN" whose process is no more.
void remove_deserted_bridges() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/net", error)) {
    const std::string name = entry.path().filename();
    int pid = 0, number = 0, length = 0;
    if (std::sscanf(name.c_str(), "lxs%db%d%n", &pid, &number, &length) != 2) continue;
    if (name.size() != static_cast<std::size_t>(length) || pid <= 0 || number <= 0) continue;
    if (kill(pid, 0) != 0 && errno == ESRCH && exists(entry.path() / "bridge")) shell("ip link del " + name);
  }
}

}  // namespace

Bridge::Bridge() {
  static std::once_flag cleared;
  std::call_once(cleared, remove_deserted_bridges);
  static std::atomic<int> counter{0};
  const int number = ++counter;
  name_ = prefix() + "b" + std::to_string(number);
  network_ = "10.213." + std::to_string((getpid() * 7 + number) % 256);
  // Without spanning tree and its delay a new port forwards at once.
  const Output made = shell("ip link add " + name_ + " type bridge stp_state 0 forward_delay 0 && ip addr add " +
                            network_ + ".1/24 dev " + name_ + " && ip link set " + name_ + " up");
  if (made.status != 0) throw std::runtime_error("cannot make bridge " + name_ + ": " + made.text);
}

Bridge::~Bridge() {
  shell("ip link del " + name_);
}

std::vector<std::string> Bridge::ports() const {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/net/" + name_ + "/brif", error)) {
    found.push_back(entry.path().filename());
  }
  return found;
}

}  // namespace support
