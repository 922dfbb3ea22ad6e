// How a thread stands with others that want the CPUs: whoever waits for a short answer comes first.
#pragma once

#include <cstddef>

namespace base {

/// Less of the CPUs for this thread while it works on a large text. No thread or process may be started meanwhile: it
/// would have as little, for good.
class LowerShare {
 public:
  /// Without effect for what is not large.
  explicit LowerShare(std::size_t bytes) noexcept;
  ~LowerShare();
  LowerShare(const LowerShare&) = delete;
  LowerShare& operator=(const LowerShare&) = delete;

 private:
  bool lowered_ = false;
};

}  // namespace base
