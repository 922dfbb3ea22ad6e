// Putting the host to sleep for a while: the kernel's own interface (Documentation/admin-guide/pm/sleep-states.rst),
// the alarm of its clock (Documentation/admin-guide/rtc.rst).
#pragma once

#include <cstdint>
#include <string>

namespace driver {

class NodePower {
 public:
  /// `sys`: where sysfs is.
  explicit NodePower(std::string sys = "/sys") : sys_(std::move(sys)) {}

  /// Sets the alarm that ends a sleep of `target` (virNodeSuspendTarget) after `seconds`. Throws InvalidArg for less
  /// than a minute, OperationUnsupported when this host cannot sleep like that or has no alarm, SystemError.
  void prepare(unsigned target, std::uint64_t seconds) const;
  /// Sleeps; returns when the host is awake again. Throws SystemError.
  void sleep(unsigned target) const;

 private:
  std::string sys_;
};

}  // namespace driver
