// A veth pair of the suite's own, both ends on the host: a link to lend or to put macvlans on, and who answers at its
// other end. Removed with its owner.
#pragma once

#include <string>

namespace support {

class Wire {
 public:
  Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire();

  /// The end for containers; up, without address.
  const std::string& name() const { return name_; }
  /// The end that has address().
  const std::string& far_end() const { return far_end_; }
  std::string address() const { return network_ + ".1"; }
  std::string address(int host) const { return network_ + "." + std::to_string(host); }

 private:
  std::string name_, far_end_, network_;
};

/// The hardware address of a link of the host, "" if there is none.
std::string mac_of(const std::string& link);

}  // namespace support
