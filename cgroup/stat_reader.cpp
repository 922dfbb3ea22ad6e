#include "cgroup/stat_reader.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace cgroup {
namespace {

/// The kernel gives out the lowest free number, so a high one means that descriptors run short.
bool few_are_open(int fd) {
  static const rlim_t half = [] {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur / 2 : 0;
  }();
  return static_cast<rlim_t>(fd) < half;
}

/// The whole text, made anew by the kernel as for every read from the start. nullopt: the group is gone (ENODEV) or the
/// controller is off (EOPNOTSUPP).
std::optional<std::string_view> read_again(int fd, std::string& buffer) {
  constexpr std::size_t kUsual = 4096;
  if (buffer.size() < kUsual) buffer.resize(kUsual);
  for (std::size_t size = 0;;) {
    const ssize_t got = ::pread(fd, buffer.data() + size, buffer.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    size += static_cast<std::size_t>(got);
    if (got == 0 || size < buffer.size()) return std::string_view(buffer.data(), size);
    buffer.resize(2 * buffer.size());
  }
}

}  // namespace

Usage StatReader::read(Ask asked, Keep keep, const std::function<const Directory*(const StatFile&)>& find) {
  thread_local std::string buffer;
  const std::scoped_lock lock(mutex_);
  if (keep == Keep::Open) files_.resize(stat_files().size());
  return read_usage(asked, [&](const StatFile& wanted) -> std::optional<std::string_view> {
    File* file = files_.empty() ? nullptr : &files_[static_cast<std::size_t>(&wanted - stat_files().data())];
    if (file && file->absent) return std::nullopt;
    if (file && file->fd) return read_again(file->fd.get(), buffer);
    const Directory* directory = find(wanted);
    if (file) file->absent = !directory;
    if (!directory) return std::nullopt;
    base::Fd fd(::openat(directory->fd(), wanted.name, O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    const auto text = read_again(fd.get(), buffer);
    if (text && keep == Keep::Open && few_are_open(fd.get())) file->fd = std::move(fd);
    return text;
  });
}

void StatReader::close() {
  const std::scoped_lock lock(mutex_);
  files_.clear();
}

}  // namespace cgroup
