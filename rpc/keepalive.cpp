#include "rpc/keepalive.hpp"

namespace rpc {

void Keepalive::start() {
  if (timer_ || interval_ <= Clock::duration::zero()) return;
  note_activity();
  arm(interval_);
}

void Keepalive::note_activity() {
  unanswered_ = 0;
  last_activity_ = Clock::now();
}

void Keepalive::arm(Clock::duration delay) {
  timer_ = loop_.after(std::chrono::duration_cast<std::chrono::microseconds>(delay), [this] { on_timer(); });
}

void Keepalive::on_timer() {
  if (actions_.excused()) note_activity();
  const auto silent = Clock::now() - last_activity_;
  if (unanswered_ == 0 && silent < interval_) return arm(interval_ - silent);
  if (++unanswered_ > count_) return actions_.give_up();
  arm(interval_);
  actions_.ping();
}

}  // namespace rpc
