// What races a look-up: somebody exchanges two names as fast as he can.
#pragma once

#include <fcntl.h>
#include <stdio.h>

#include <atomic>
#include <string>
#include <thread>

namespace support {

/// Until the end of the scope.
class Flipping {
 public:
  Flipping(std::string one, std::string other)
      : thread_([this, one = std::move(one), other = std::move(other)] {
          while (!done_) {
            if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) ++times_;
          }
        }) {}
  ~Flipping() { stop(); }
  unsigned stop() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
    return times_;
  }

 private:
  std::atomic<bool> done_ = false;
  std::atomic<unsigned> times_ = 0;
  std::thread thread_;
};

}  // namespace support
