#include "cgroup/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <new>
#include <system_error>

#include "base/error.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

constexpr unsigned kDirectoryMode = 0755;

}  // namespace

std::optional<Directory> Directory::open(const std::string& path) {
  base::Fd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) base::fail_errno(base::Code::SystemError, "cannot open cgroup '", path, "'");
  return Directory(std::move(fd));
}

Directory::Use::Use(const Directory& directory) noexcept : held_(directory.fd_.get()) {
  if (held_ < 0) opened_ = directory.reopen();
}

std::string Directory::path() const {
  const int error = errno;
  const Use here(*this);
  std::error_code none;
  std::string path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(here.fd()), none);
  if (path.empty() && spared_) path = *spared_->mount + "/... (deleted)";
  errno = error;
  return path;
}

void Directory::spare(const std::string& mount_point) noexcept try {
  auto spared = std::make_unique<Spared>();
  file_handle* handle = spared->handle.head();
  handle->handle_bytes = Handle::kRoom;
  int mount = 0;
  if (::name_to_handle_at(fd_.get(), "", handle, &mount, AT_EMPTY_PATH) < 0) return;
  spared->mount = &mount_point;
  spared_ = std::move(spared);
  if (reopen()) return fd_.reset();
  spared_.reset();
} catch (const std::bad_alloc&) {  // it is held on to
}

void Directory::hold() noexcept {
  if (!spared_) return;
  fd_ = reopen();
  if (fd_) spared_.reset();
}

/// Empty once the directory is removed.
base::Fd Directory::reopen() const noexcept {
  if (!spared_) return {};
  Handle handle = spared_->handle;
  const base::Fd mount(::open(spared_->mount->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  base::Fd fd(mount ? ::open_by_handle_at(mount.get(), handle.head(), O_PATH | O_DIRECTORY | O_CLOEXEC) : -1);
  if (!fd && errno == ESTALE) errno = ENOENT;
  return fd;
}

base::Fd Directory::try_open(const char* file, int flags) const noexcept {
  const Use here(*this);
  return base::Fd(here.fd() < 0 ? -1 : ::openat(here.fd(), file, flags | O_CLOEXEC));
}

std::optional<Directory> Directory::child(const std::string& name) const {
  base::Fd fd = try_open(name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) base::fail_errno(base::Code::SystemError, "cannot open cgroup '", path(), "/", name, "'");
  return Directory(std::move(fd));
}

std::optional<std::string> Directory::read(const std::string& file) const {
  const base::Fd fd = try_open(file.c_str(), O_RDONLY);
  if (!fd) return std::nullopt;
  try {
    return base::read_all(fd.get());
  } catch (const base::Error&) {  // ENODEV: the cgroup is gone; EOPNOTSUPP: the controller is off
    return std::nullopt;
  }
}

std::string Directory::read_file(const std::string& file) const {
  const base::Fd fd = open_file(file, O_RDONLY);
  try {
    return base::read_all(fd.get());
  } catch (const base::Error& error) {
    base::fail_errno_value(error.system_errno(), base::Code::SystemError, "cannot read '", path(), "/", file, "'");
  }
}

int Directory::try_write(const std::string& file, const std::string& text) const noexcept {
  const base::Fd fd = try_open(file.c_str(), O_WRONLY);
  if (!fd) return errno;
  ssize_t put;
  do put = ::write(fd.get(), text.data(), text.size());
  while (put < 0 && errno == EINTR);
  return put < 0 ? errno : 0;
}

void Directory::write(const std::string& file, const std::string& text) const {
  const int error = try_write(file, text);
  if (error)
    base::fail_errno_value(error, base::Code::SystemError, "cannot write '", text, "' to '", path(), "/", file, "'");
}

base::Fd Directory::open_file(const std::string& file, int flags) const {
  base::Fd fd = try_open(file.c_str(), flags);
  if (!fd) base::fail_errno(base::Code::SystemError, "cannot open '", path(), "/", file, "'");
  return fd;
}

std::vector<std::string> Directory::children() const {
  std::vector<std::string> names;
  base::Fd fd = try_open(".", O_RDONLY | O_DIRECTORY);
  if (!fd && (errno == ENOENT || errno == ENODEV)) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fd ? ::fdopendir(fd.get()) : nullptr, ::closedir);
  if (!stream) base::fail_errno(base::Code::SystemError, "cannot list cgroup '", path(), "'");
  fd.release();  // the stream's
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get()))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  if (errno != 0 && errno != ENOENT && errno != ENODEV)
    base::fail_errno(base::Code::SystemError, "cannot list cgroup '", path(), "'");
  return names;
}

bool Directory::make_child(const std::string& name) const {
  const Use here(*this);
  if (here.fd() >= 0 && ::mkdirat(here.fd(), name.c_str(), kDirectoryMode) == 0) return true;
  if (errno == EEXIST) return false;
  base::fail_errno(base::Code::SystemError, "cannot create cgroup '", path(), "/", name, "'");
}

void Directory::remove_child(const char* name) const noexcept {
  if (const Use here(*this); here.fd() >= 0) ::unlinkat(here.fd(), name, AT_REMOVEDIR);
}

void Directory::collect_processes(std::vector<int>& pids) const {
  for (const auto& line : split(read("cgroup.procs").value_or(""), "\n"))
    if (const auto pid = parse_number(line)) pids.push_back(static_cast<int>(*pid));
  for (const auto& name : children())
    if (const auto below = child(name)) below->collect_processes(pids);
}

bool Directory::remove_children() const noexcept {
  bool all = true;
  try {
    for (const auto& name : children())
      if (const auto below = child(name)) all = below->remove(name) && all;
  } catch (const std::exception&) {
    return false;
  }
  return all;
}

bool Directory::remove(const std::string& name) const noexcept {
  try {
    // By way of "..", so that this directory's own parent is meant wherever it is; and only if the name still means
    // this one.
    const Use use(*this);
    if (use.fd() < 0) return errno == ENOENT;
    const std::string from_here = "../" + name;
    struct stat here, there;
    if (::fstat(use.fd(), &here) < 0) return false;
    if (::fstatat(use.fd(), from_here.c_str(), &there, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT;
    if (here.st_ino != there.st_ino || here.st_dev != there.st_dev) return true;
    for (const bool last_try : {false, true}) {
      if (::unlinkat(use.fd(), from_here.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENODEV) return true;
      if (last_try || !remove_children()) return false;
    }
  } catch (const std::exception&) {  // no memory for a name
  }
  return false;
}

}  // namespace cgroup
