// The last bytes of a console's output, by position since the start: whoever reads remembers a position, nobody copies.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace container {

class Scrollback {
 public:
  static constexpr std::size_t kSize = 16 * 1024;

  std::uint64_t end() const { return end_; }
  std::uint64_t oldest() const { return end_ > kSize ? end_ - kSize : 0; }

  /// Where the next bytes go: at most `limit`, fewer where the ring wraps.
  iovec space(std::size_t limit);
  void commit(std::size_t size) { end_ += size; }
  /// What lies from `position` (not older than oldest()) to the end, in at most two parts; returns how many.
  int from(std::uint64_t position, iovec (&parts)[2]) const;

 private:
  std::uint64_t end_ = 0;
  char bytes_[kSize];
};

}  // namespace container
