#include "support/wire.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <stdexcept>

#include "support/command.hpp"
#include "support/scratch.hpp"

namespace support {

Wire::Wire() {
  static std::atomic<int> counter{0};
  const int number = ++counter;
  name_ = prefix() + "w" + std::to_string(number);
  far_end_ = prefix() + "f" + std::to_string(number);
  network_ = "10.214." + std::to_string((getpid() * 7 + number) % 256);
  // An address that was made up, udev may replace at any moment (systemd.link(5), MACAddressPolicy).
  char address[18];
  std::snprintf(address, sizeof address, "52:54:00:%02x:00:%02x", getpid() & 0xFF, number & 0xFF);
  const Output made =
      shell("ip link add " + name_ + " address " + address + " type veth peer name " + far_end_ + " && ip addr add " +
            network_ + ".1/24 dev " + far_end_ + " && ip link set " + name_ + " up && ip link set " + far_end_ + " up");
  if (made.status != 0) throw std::runtime_error("cannot make wire " + name_ + ": " + made.text);
}

Wire::~Wire() {
  shell("ip link del " + far_end_);
}

std::string mac_of(const std::string& link) {
  std::string text = read_text("/sys/class/net/" + link + "/address");
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace support
