// Room for the way out of a failed allocation: the error's text, the reply, the log line. It is address space without
// pages, given back to the process by the allocation that fails, and taken again once there is enough.
#pragma once

#include <chrono>
#include <new>
#include <thread>

namespace base {

/// Once, at the program's start. set_new_handler(3): the allocation that fails still throws std::bad_alloc.
void hold_memory_reserve();
/// Takes the reserve again if it was needed. Cheap when it was not. Any thread.
void renew_memory_reserve() noexcept;

/// `call`, which does nothing when it throws bad_alloc, again and again until there is memory for it: for what must not
/// be lost. Never on the loop thread.
template <typename Call>
void insist(Call&& call) {
  while (true) {
    try {
      return call();
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      renew_memory_reserve();
    }
  }
}

}  // namespace base
