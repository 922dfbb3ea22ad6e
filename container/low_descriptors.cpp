#include "container/low_descriptors.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"

namespace container {

LowDescriptors::LowDescriptors(int from, std::size_t leases) : nothing_(base::open_file("/dev/null", O_RDONLY)) {
  free_.reserve(leases);
  for (std::size_t i = 0; i < leases; ++i) {
    std::array<int, kEach> numbers{};
    for (int& number : numbers) {
      base::Fd place(::fcntl(nothing_.get(), F_DUPFD_CLOEXEC, from));
      if (!place) base::fail_errno(base::Code::SystemError, "cannot reserve a file descriptor");
      number = place.get();
      highest_ = std::max(highest_, number);
      places_.push_back(std::move(place));
    }
    free_.push_back(numbers);
  }
}

std::optional<LowDescriptors::Lease> LowDescriptors::lend(const std::array<int, kEach>& descriptors) {
  std::array<int, kEach> numbers{};
  {
    const std::scoped_lock lock(mutex_);
    if (free_.empty()) return std::nullopt;
    numbers = free_.back();
    free_.pop_back();
  }
  Lease lease(*this, numbers);
  for (std::size_t i = 0; i < kEach; ++i)
    if (::dup3(descriptors.at(i), numbers.at(i), O_CLOEXEC) < 0)
      base::fail_errno(base::Code::SystemError, "cannot duplicate a file descriptor");
  return lease;
}

void LowDescriptors::take_back(const std::array<int, kEach>& numbers) noexcept {
  for (const int number : numbers) ::dup3(nothing_.get(), number, O_CLOEXEC);  // replaces one: needs no room
  const std::scoped_lock lock(mutex_);
  free_.push_back(numbers);
}

LowDescriptors::Lease::~Lease() {
  if (pool_) pool_->take_back(numbers_);
}

}  // namespace container
