// A bridge of the suite's own, removed with its owner. Its address is 10.213.N.1/24.
#pragma once

#include <string>
#include <vector>

namespace support {

class Bridge {
 public:
  Bridge();
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;
  ~Bridge();

  const std::string& name() const { return name_; }
  std::string address() const { return network_ + ".1"; }
  /// Address for a container: 10.213.N.`host`.
  std::string address(int host) const { return network_ + "." + std::to_string(host); }
  /// Names of the links enslaved to it.
  std::vector<std::string> ports() const;

 private:
  std::string name_, network_;
};

}  // namespace support
