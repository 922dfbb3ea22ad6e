#include "container/scrollback.hpp"

#include <algorithm>

namespace container {

iovec Scrollback::space(std::size_t limit) {
  const std::size_t at = end_ % kSize;
  return {bytes_ + at, std::min(limit, kSize - at)};
}

int Scrollback::from(std::uint64_t position, iovec (&parts)[2]) const {
  const std::size_t size = static_cast<std::size_t>(end_ - position);
  if (size == 0) return 0;
  const std::size_t at = position % kSize;
  const std::size_t first = std::min(size, kSize - at);
  parts[0] = {const_cast<char*>(bytes_) + at, first};
  if (first == size) return 1;
  parts[1] = {const_cast<char*>(bytes_), size - first};
  return 2;
}

}  // namespace container
