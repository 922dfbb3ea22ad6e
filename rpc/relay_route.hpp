// Where calls of one kind go that another libvirt daemon answers.
#pragma once

#include <functional>
#include <string>

#include "base/fd.hpp"

namespace rpc {

struct RelayRoute {
  /// Sent in the other daemon's CONNECT_OPEN, e.g. "network:///system".
  std::string uri;
  /// A connected, non-blocking socket for one client; none: no such daemon is there. Throws when it is there and cannot
  /// be reached. Loop thread; never blocks.
  std::function<base::Fd(bool read_only)> connect;
};

}  // namespace rpc
