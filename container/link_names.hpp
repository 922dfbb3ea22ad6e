// Names of links on the host: the next free vnetN, and those of stopped containers, whose links the kernel takes away
// in its own time (an explicit delete costs 20 ms of RCU waiting). A start that needs such a name need not wait for
// long.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "netlink/socket.hpp"

namespace container {

class LinkNames {
 public:
  LinkNames() = default;
  ~LinkNames();
  LinkNames(const LinkNames&) = delete;
  LinkNames& operator=(const LinkNames&) = delete;

  /// "vnet7": above every vnetN there was at first use, never the same twice.
  std::string next(netlink::Socket& socket);

  /// The container of this link has ended. If the link is still there after a moment (its network namespace is held by
  /// somebody), it is deleted then.
  void retire(const std::string& name, int index);
  /// True if `name` was a retired link: it is gone now.
  bool finish_retiring(netlink::Socket& socket, const std::string& name);

 private:
  struct Retired {
    int index;
    std::chrono::steady_clock::time_point due;
  };
  void forget(const std::string& name, int index);
  void reap();

  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned next_ = 0;
  bool counted_ = false, stopping_ = false;
  std::map<std::string, Retired> retired_;
  std::thread reaper_;
};

}  // namespace container
