// Less of the CPUs for one thread while it works on something large: who waits for a short answer comes first.
#pragma once

namespace rpc {

class LowerShare {
 public:
  /// Without effect unless `lower`.
  explicit LowerShare(bool lower) noexcept;
  ~LowerShare();
  LowerShare(const LowerShare&) = delete;
  LowerShare& operator=(const LowerShare&) = delete;

 private:
  bool lowered_ = false;
};

}  // namespace rpc
