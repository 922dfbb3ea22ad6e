#include "support/deadline.hpp"

#include <cstdlib>
#include <thread>

namespace support {

double time_scale() {
  static const double scale = [] {
    const char* text = std::getenv("LXCELL_TEST_TIME_SCALE");
    const double value = text ? std::atof(text) : 1.0;
    return value > 0 ? value : 1.0;
  }();
  return scale;
}

Milliseconds scaled(Milliseconds time) {
  return Milliseconds(static_cast<long>(static_cast<double>(time.count()) * time_scale()));
}

Milliseconds patience() {
  return scaled(Milliseconds(20000));
}

bool eventually(const std::function<bool()>& condition, Milliseconds limit) {
  const auto end = Clock::now() + limit;
  auto pause = std::chrono::microseconds(500);
  while (!condition()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(8000));
  }
  return true;
}

double milliseconds_of(const std::function<void()>& call) {
  const auto begin = Clock::now();
  call();
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

}  // namespace support
