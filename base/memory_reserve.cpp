#include "base/memory_reserve.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <new>

namespace base {
namespace {

constexpr std::size_t kReserve = 8u << 20;

std::atomic<bool> wanted = false;
std::atomic<void*> reserve = nullptr;

void give_reserve() {
  if (void* const held = reserve.exchange(nullptr)) ::munmap(held, kReserve);
  throw std::bad_alloc();
}

}  // namespace

void hold_memory_reserve() {
  wanted = true;
  renew_memory_reserve();
  std::set_new_handler(give_reserve);
}

void renew_memory_reserve() noexcept {
  if (!wanted || reserve) return;
  // Counted by every limit: RLIMIT_AS, RLIMIT_DATA and, where that is strict, overcommit.
  void* const taken = ::mmap(nullptr, kReserve, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (taken == MAP_FAILED) return;
  void* expected = nullptr;
  if (!reserve.compare_exchange_strong(expected, taken)) ::munmap(taken, kReserve);
}

}  // namespace base
