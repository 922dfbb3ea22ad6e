// What the kernel refuses for want of memory or of something else it mostly grants a moment later.
#pragma once

#include <cerrno>
#include <exception>

namespace base {

/// What `call` gives; where it throws, it is called once more: for what is asked once in a process's life, and whose
/// refusal would count as long.
template <typename Call>
auto with_second_try(Call&& call) {
  try {
    return call();
  } catch (const std::exception&) {
    return call();
  }
}

/// An errno that says nothing of what was asked for, only that there was no room to find out.
constexpr bool is_shortage(int error) {
  return error == ENOMEM || error == ENFILE || error == EMFILE || error == ENOBUFS || error == EAGAIN || error == EINTR;
}

}  // namespace base
