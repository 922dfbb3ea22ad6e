// Pings a silent client and gives it up when `count` pings stayed unanswered. Any packet counts as an answer.
#pragma once

#include <chrono>
#include <functional>

#include "base/event_loop.hpp"

namespace rpc {

class Keepalive {
 public:
  struct Actions {
    std::function<void()> ping;
    std::function<void()> give_up;
    /// True while nothing is read from the client because it used up its quota: silence then says nothing.
    std::function<bool()> excused;
  };
  Keepalive(base::EventLoop& loop, std::chrono::milliseconds interval, unsigned count, Actions actions)
      : loop_(loop), interval_(interval), count_(count), actions_(std::move(actions)) {}

  void start();
  void stop() { timer_ = {}; }
  void note_activity();

 private:
  using Clock = std::chrono::steady_clock;
  void arm(Clock::duration delay);
  void on_timer();

  base::EventLoop& loop_;
  Clock::duration interval_;
  unsigned count_;
  Actions actions_;
  base::Watch timer_;
  unsigned unanswered_ = 0;
  Clock::time_point last_activity_;
};

}  // namespace rpc
