#include "cgroup/stat_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/descriptors.hpp"

namespace cgroup {
namespace {

constexpr unsigned kMostInUse = 92;  // the rest is for new containers and clients

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
    base::Fd fd = directory->try_open(wanted.name, O_RDONLY);
    if (!fd) return std::nullopt;
    const auto text = read_again(fd.get(), buffer);
    if (text && keep == Keep::Open && base::percent_in_use(fd.get()) < kMostInUse) file->fd = std::move(fd);
    return text;
  });
}

bool StatReader::has_groups_below(Keep keep, const Directory& directory, const char* child) {
  const std::scoped_lock lock(mutex_);
  base::Fd opened;
  if (!child_) opened = directory.try_open(child, O_PATH | O_DIRECTORY);
  const int fd = child_ ? child_.get() : opened.get();
  if (fd < 0) return false;
  struct stat status;
  const bool found = ::fstat(fd, &status) == 0 && status.st_nlink > 2;  // two, and one for each group
  if (opened && keep == Keep::Open && base::percent_in_use(fd) < kMostInUse) child_ = std::move(opened);
  return found;
}

void StatReader::close() {
  const std::scoped_lock lock(mutex_);
  child_.reset();
  files_.clear();
}

}  // namespace cgroup
