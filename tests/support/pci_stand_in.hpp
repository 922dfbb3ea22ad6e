// A network card where none can be spared: a mount namespace in which the PCI bus has one device, and that device the
// link it is given.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace support {

class PciStandIn {
 public:
  static constexpr const char* kAddress = "0000:7f:1f.3";
  /// The same for a definition, without its type.
  static constexpr const char* kAddressAttributes = "domain='0x0000' bus='0x7f' slot='0x1f' function='0x3'";

  explicit PciStandIn(const std::string& link);
  ~PciStandIn();
  PciStandIn(const PciStandIn&) = delete;
  PciStandIn& operator=(const PciStandIn&) = delete;

  /// False where there is no PCI bus at all.
  bool there() const { return there_; }
  /// What to bind over /sys/bus/pci/devices for somebody else who is to see it; there it is a virtual function, too.
  const std::string& folder() const { return folder_; }
  /// The words that put a program there.
  std::vector<std::string> entrance() const {
    return {"nsenter", "--mount=/proc/" + std::to_string(process_) + "/ns/mnt"};
  }

 private:
  std::string folder_;
  pid_t process_ = -1;
  bool there_ = false;
};

}  // namespace support
