// The kernel's OOM killer at work in one container: a descriptor that wakes whoever waits, and how many processes it
// has killed.
//
// v2: memory.events, which counts for everything below and changes with each kill (and with much else). v1: an eventfd
// registered with memory.oom_control; it says that memory ran out, which is just before somebody is killed, and each
// directory counts its own processes only. The payload's is told of a limit on itself and on those above it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.hpp"

namespace cgroup {

struct OomSource {
  int version = 2;
  std::string directory;  // v2: the container's, v1: its payload's
};

/// nullopt when the directory is gone or its memory is not controlled.
std::optional<std::uint64_t> count_oom_kills(const OomSource& source);

class OomEvents {
 public:
  /// nullopt as above, or where the kernel gives no such events.
  static std::optional<OomEvents> open(OomSource source);

  /// For epoll, with the bits to wait for.
  int fd() const { return fd_.get(); }
  std::uint32_t poll_events() const;
  /// Of v1: an event may come before its kill is counted.
  bool comes_early() const { return source_.version == 1; }
  /// The count now; from here on the next event wakes again. nullopt as above: then stop waiting.
  std::optional<std::uint64_t> take();

 private:
  OomEvents(OomSource source, base::Fd fd) : source_(std::move(source)), fd_(std::move(fd)) {}
  OomSource source_;
  base::Fd fd_;
};

}  // namespace cgroup
