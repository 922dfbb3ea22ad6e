// Ends what containers had of libvirt's other drivers. What cannot be ended now, because a daemon is not there or does
// not answer, is kept in a file and tried again: before the next of its kind is made, and when a daemon starts. Worker
// threads.
#pragma once

#include <mutex>
#include <string>

#include "driver/filter_bindings.hpp"
#include "driver/network_ports.hpp"
#include "driver/outside.hpp"

namespace driver {

class OutsideReleases {
 public:
  /// `file`: where an earlier daemon has written what it could not end.
  OutsideReleases(NetworkPorts& ports, FilterBindings& bindings, std::string file);

  void release(const Outside& outside) noexcept;
  /// Whatever is still to be ended. Who makes a guard calls this first, or an old one's end would be the new one's.
  void retry() noexcept;

 private:
  Outside end(const Outside& outside) noexcept;
  void keep(const Outside& rest) noexcept;

  NetworkPorts& ports_;
  FilterBindings& bindings_;
  const std::string file_;
  std::mutex mutex_;
  Outside pending_;
};

/// One per line: "port ID NETWORK", "guard LINK".
std::string format_outside(const Outside& outside);
/// Lines that say nothing are skipped.
Outside parse_outside(const std::string& text);

}  // namespace driver
