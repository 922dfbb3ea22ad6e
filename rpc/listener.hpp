// One listening unix socket: hands over accepted clients, and can be paused while the limits are reached.
#pragma once

#include <functional>

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "rpc/connection.hpp"

namespace rpc {

class Listener {
 public:
  using OnClient = std::function<void(base::Fd, PeerCredentials)>;
  /// `room` is asked before each accept(2).
  Listener(base::EventLoop& loop, base::Fd socket, std::function<bool()> room, OnClient on_client);
  /// Looks again whether there is room.
  void resume();

 private:
  void on_readable();
  void accept_one();

  base::EventLoop& loop_;
  base::Fd socket_;
  std::function<bool()> room_;
  OnClient on_client_;
  base::Watch watch_;
  base::Watch retry_;
};

}  // namespace rpc
