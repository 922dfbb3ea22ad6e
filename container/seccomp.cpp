#include "container/seccomp.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <cerrno>
#include <functional>
#include <map>
#include <mutex>
#include <tuple>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/seccomp_builtin.hpp"
#include "container/seccomp_profile.hpp"

namespace container {
namespace {

constexpr std::size_t kMaxProfileBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxPrograms = 256;

bool is_file(const std::string& profile) {
  return profile.starts_with('/');
}

/// A file's text says what is in it, so its name does not count.
using Content = std::tuple<std::string, SeccompSubject>;

std::string compiled_once(const Content& content, const std::function<SeccompFilter()>& make) {
  static std::mutex mutex;
  static std::map<Content, std::string> programs;
  const std::scoped_lock lock(mutex);
  if (const auto found = programs.find(content); found != programs.end()) return found->second;
  if (programs.size() == kMaxPrograms) programs.clear();
  return programs[content] = compile_seccomp(make());
}

std::string kernel_release() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "0.0";
}

std::string program_of_file(const std::string& path, const SeccompSubject& subject, const SeccompFile& file) {
  if (file.error != 0)
    base::fail_errno_value(file.error, base::Code::InternalError, "cannot read seccomp profile '", path, "'");
  try {
    return compiled_once({file.text, subject},
                         [&] { return parse_seccomp_profile(file.text, subject, kernel_release()); });
  } catch (const base::Error& error) {
    base::fail(error.code(), "seccomp profile '", path, "': ", error.detail());
  }
}

}  // namespace

std::optional<SeccompFile> read_seccomp_file(const domain_xml::DomainDefinition& definition) {
  const auto& path = definition.extension.seccomp;
  if (!is_file(path)) return std::nullopt;
  const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) < 0) return SeccompFile{{}, errno};
  if (!S_ISREG(status.st_mode)) return SeccompFile{{}, EINVAL};
  if (static_cast<std::size_t>(status.st_size) > kMaxProfileBytes) return SeccompFile{{}, EFBIG};
  return SeccompFile{base::read_all(file.get()), 0};
}

std::string seccomp_program(const std::string& profile, const SeccompSubject& subject,
                            const std::optional<SeccompFile>& file) {
  if (profile == "unconfined") return "";
  if (is_file(profile)) return program_of_file(profile, subject, file.value_or(SeccompFile{{}, ENOENT}));
  return compiled_once({profile, subject},
                       [&] { return profile == "strict" ? strict_seccomp(subject) : default_seccomp(subject); });
}

}  // namespace container
