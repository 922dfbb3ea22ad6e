#include "container/guest_files.hpp"

#include <crypt.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>

#include "base/error.hpp"

namespace container {
namespace {

using base::Code;

constexpr std::size_t kMostBytes = 1u << 20;
constexpr const char* kShadow = "/etc/shadow";
constexpr const char* kNewShadow = "/etc/shadow.lxcell";

/// A regular file's text. A FIFO or a device in its place is neither waited for nor read.
std::string read_regular(const char* path, int more_flags = 0) {
  const base::Fd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | more_flags));
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) < 0 || !S_ISREG(facts.st_mode)) return {};
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; text.size() < kMostBytes && (got = ::read(fd.get(), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

std::string first_of(const char* path, const char* otherwise) {
  std::string text = read_regular(path);
  return text.empty() ? read_regular(otherwise) : text;
}

// Texts on their way out of the child: each behind its length.
void put(std::string& out, const std::string& text) {
  const std::size_t size = text.size();
  out.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
}
std::string get(std::string_view& in) {
  std::size_t size = 0;
  if (in.size() < sizeof size) base::fail(Code::InternalError, "short answer from inside the container");
  in.copy(reinterpret_cast<char*>(&size), sizeof size);
  in.remove_prefix(sizeof size);
  if (size > in.size()) base::fail(Code::InternalError, "short answer from inside the container");
  std::string text(in.substr(0, size));
  in.remove_prefix(size);
  return text;
}

/// Inside. The lock is that of lckpwdf(3); whoever holds it for too long runs into the limit of the work.
void replace_password(const std::string& user, const std::string& hash) {
  const base::Fd lock = base::open_file("/etc/.pwd.lock", O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  if (::fcntl(lock.get(), F_SETLKW, &whole) < 0) base::fail_errno(Code::SystemError, "cannot lock '/etc/.pwd.lock'");
  const base::Fd old = base::open_file(kShadow, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat facts {};
  if (::fstat(old.get(), &facts) < 0 || !S_ISREG(facts.st_mode))
    base::fail(Code::OperationFailed, "'", kShadow, "' is no regular file");
  const auto today = std::chrono::duration_cast<std::chrono::days>(std::chrono::system_clock::now().time_since_epoch());
  const auto text = with_password(base::read_all(old.get()), user, hash, today.count());
  if (!text) base::fail(Code::OperationFailed, "'", kShadow, "' has no user '", user, "'");
  ::unlink(kNewShadow);  // of one that was cut short: the lock is ours
  const base::Fd fresh = base::open_file(kNewShadow, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  try {
    base::write_all(fresh.get(), text->data(), text->size(), kNewShadow);
    if (::fchown(fresh.get(), facts.st_uid, facts.st_gid) < 0 || ::fchmod(fresh.get(), facts.st_mode & 07777) < 0 ||
        ::fsync(fresh.get()) < 0 || ::rename(kNewShadow, kShadow) < 0)
      base::fail_errno(Code::SystemError, "cannot replace '", kShadow, "'");
  } catch (...) {
    ::unlink(kNewShadow);
    throw;
  }
}

}  // namespace

GuestFiles read_guest_files(const GuestPlace& place) {
  const std::string answer = work_inside(place, Rights::GuestRoot, [] {
    std::string out;
    put(out, first_of("/etc/os-release", "/usr/lib/os-release"));
    put(out, first_of("/run/utmp", "/var/run/utmp"));
    put(out, read_regular("/etc/localtime"));
    return out;
  });
  std::string_view in = answer;
  GuestFiles files;
  files.os_release = get(in);
  files.utmp = get(in);
  files.zone = get(in);
  return files;
}

void measure_file_systems(const GuestPlace& place, std::vector<GuestMount>& mounts) {
  using Sizes = std::array<std::uint64_t, 2>;  // total and used; both 0: not known
  const std::string answer = work_inside(place, Rights::GuestRoot, [&] {
    std::string out;
    for (const auto& mount : mounts) {
      struct statvfs facts {};
      Sizes sizes{};
      if (::statvfs(mount.mount_point.c_str(), &facts) == 0)
        sizes = {facts.f_blocks * facts.f_frsize, (facts.f_blocks - facts.f_bfree) * facts.f_frsize};
      out.append(reinterpret_cast<const char*>(sizes.data()), sizeof sizes);
    }
    return out;
  });
  for (std::size_t i = 0; i < mounts.size() && (i + 1) * sizeof(Sizes) <= answer.size(); ++i) {
    Sizes sizes{};
    answer.copy(reinterpret_cast<char*>(sizes.data()), sizeof sizes, i * sizeof sizes);
    if (sizes[0] == 0) continue;
    mounts[i].total_bytes = sizes[0];
    mounts[i].used_bytes = sizes[1];
  }
}

void set_guest_password(const GuestPlace& place, const std::string& user, const std::string& hash) {
  work_inside(place, Rights::GuestRoot, [&] {
    replace_password(user, hash);
    return std::string();
  });
}

std::string hash_password(const std::string& password) {
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  const auto data = std::make_unique<crypt_data>();
  const char* hash = nullptr;
  if (::crypt_gensalt_rn("$6$", 0, nullptr, 0, setting, sizeof setting))
    hash = ::crypt_rn(password.c_str(), setting, data.get(), sizeof *data);
  if (!hash) base::fail_errno(Code::InternalError, "cannot hash a password");
  return hash;
}

}  // namespace container
