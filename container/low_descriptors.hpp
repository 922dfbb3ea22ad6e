// Places at the low end of the daemon's table of descriptors, kept for what a child is to be given. A child that shares
// the table (CLONE_FILES) and then leaves it with close_range(CLOSE_RANGE_UNSHARE) from the first number above them
// takes a copy of these few only, however many thousand the daemon has open for its containers.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace container {

class LowDescriptors {
 public:
  static constexpr std::size_t kEach = 2;  // in one lease

  /// Takes the lowest free numbers from `from` on, for as many leases at the same time. Throws SystemError.
  LowDescriptors(int from, std::size_t leases);

  class Lease {
   public:
    Lease(LowDescriptors& pool, const std::array<int, kEach>& numbers) : pool_(&pool), numbers_(numbers) {}
    Lease(Lease&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), numbers_(other.numbers_) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    int operator[](std::size_t place) const { return numbers_.at(place); }

   private:
    LowDescriptors* pool_;
    std::array<int, kEach> numbers_;
  };
  /// Copies of these at low numbers; nothing when all are in use. Any thread.
  std::optional<Lease> lend(const std::array<int, kEach>& descriptors);
  int highest() const { return highest_; }

 private:
  void take_back(const std::array<int, kEach>& numbers) noexcept;

  const base::Fd nothing_;  // /dev/null: what is not lent is a copy of it
  std::vector<base::Fd> places_;
  int highest_ = 0;
  std::mutex mutex_;
  std::vector<std::array<int, kEach>> free_;
};

}  // namespace container
