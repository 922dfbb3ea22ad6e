#include "cgroup/freezer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/error.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds kLongestPauseV1{2000}, kLongestPauseV2{100000};

bool frozen_v1(const Directory& directory) {
  return trim(directory.read("freezer.state").value_or("")) == "FROZEN";
}

bool frozen_v2(int events) {
  return value_of(read_events(events), "frozen") == 1;
}

}  // namespace

std::string read_events(int events) {
  char text[256];
  const ssize_t size = ::pread(events, text, sizeof text, 0);
  return std::string(text, size > 0 ? static_cast<std::size_t>(size) : 0);
}

void Backoff::wait(int events) {
  const auto ns = std::chrono::nanoseconds(next_).count();
  const timespec limit{0, ns};
  pollfd change{events, POLLPRI, 0};
  ::ppoll(&change, events < 0 ? 0 : 1, &limit, nullptr);
  next_ = std::min(longest_, next_ * 2);
}

void freeze(const Directory& directory, int version, std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  if (version == 1)
    directory.write("freezer.state", "FROZEN");
  else
    directory.write("cgroup.freeze", "1");
  const base::Fd events = version == 1 ? base::Fd() : directory.open_file("cgroup.events", O_RDONLY);
  Backoff backoff(version == 1 ? kLongestPauseV1 : kLongestPauseV2);
  while (!(version == 1 ? frozen_v1(directory) : frozen_v2(events.get()))) {
    if (Clock::now() < deadline) {
      backoff.wait(events.get());
      continue;
    }
    thaw(directory, version);
    base::fail(base::Code::OperationFailed, "processes in cgroup '", directory.path(), "' did not freeze within ",
               limit.count(), " ms");
  }
}

void thaw(const Directory& directory, int version) {
  if (version == 1)
    directory.write("freezer.state", "THAWED");
  else
    directory.write("cgroup.freeze", "0");
}

bool is_frozen(const Directory& directory, int version) {
  if (version == 1) return frozen_v1(directory);
  return value_of(directory.read("cgroup.events").value_or(""), "frozen") == 1;
}

}  // namespace cgroup
