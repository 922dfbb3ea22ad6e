#include "support/bridge.hpp"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>

#include "support/command.hpp"
#include "support/scratch.hpp"

namespace support {

Bridge::Bridge() {
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
