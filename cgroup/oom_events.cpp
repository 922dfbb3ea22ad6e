#include "cgroup/oom_events.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.hpp"
#include "cgroup/directory.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

constexpr const char* kV1File = "memory.oom_control";
constexpr const char* kV2File = "memory.events";

/// Directories below come and go, and their counts with them.
std::uint64_t count_below(const Directory& directory) {
  std::uint64_t kills = value_of(directory.read(kV1File).value_or(""), "oom_kill").value_or(0);
  for (const auto& name : directory.children())
    if (const auto below = directory.child(name)) kills += count_below(*below);
  return kills;
}

/// cgroup-v1/memory.rst, "9. Memory thresholds" and "10. OOM Control".
base::Fd register_v1(const Directory& directory) {
  base::Fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return {};
  const base::Fd file = directory.try_open(kV1File, O_RDONLY);
  if (!file) return {};
  const std::string line = std::to_string(event.get()) + " " + std::to_string(file.get());
  return directory.try_write("cgroup.event_control", line) == 0 ? std::move(event) : base::Fd();
}

}  // namespace

std::optional<std::uint64_t> count_oom_kills(const OomSource& source) {
  try {
    const auto directory = Directory::open(source.directory);
    if (!directory) return std::nullopt;
    const auto text = directory->read(source.version == 1 ? kV1File : kV2File);
    if (!text) return std::nullopt;
    return source.version == 1 ? count_below(*directory) : value_of(*text, "oom_kill");
  } catch (const base::Error&) {  // it went while we looked
    return std::nullopt;
  }
}

std::optional<OomEvents> OomEvents::open(OomSource source) {
  const auto directory = Directory::open(source.directory);
  if (!directory) return std::nullopt;
  base::Fd fd = source.version == 1 ? register_v1(*directory) : directory->try_open(kV2File, O_RDONLY);
  if (!fd) return std::nullopt;
  return OomEvents(std::move(source), std::move(fd));
}

std::uint32_t OomEvents::poll_events() const {
  return source_.version == 1 ? std::uint32_t{EPOLLIN} : std::uint32_t{EPOLLPRI};
}

std::optional<std::uint64_t> OomEvents::take() {
  if (source_.version == 1) {
    std::uint64_t events;
    if (::read(fd_.get(), &events, sizeof events) < 0 && errno != EAGAIN) return std::nullopt;
    return count_oom_kills(source_);
  }
  char text[512];
  const ssize_t size = ::pread(fd_.get(), text, sizeof text, 0);
  if (size <= 0) return std::nullopt;
  return value_of({text, static_cast<std::size_t>(size)}, "oom_kill");
}

}  // namespace cgroup
