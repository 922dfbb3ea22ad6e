#include "container/apparmor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/second_try.hpp"

namespace container {
namespace {

using base::Code;

constexpr const char* kPolicy = "/sys/kernel/security/apparmor";
constexpr const char* kSharedName = "lxcell-container";

base::Fd memory_file(const char* name) {
  base::Fd file(::memfd_create(name, MFD_CLOEXEC));
  if (!file) base::fail_errno(Code::SystemError, "cannot make a memory file");
  return file;
}

std::string content(const base::Fd& file) {
  if (::lseek(file.get(), 0, SEEK_SET) < 0) base::fail_errno(Code::SystemError, "cannot read a memory file");
  return base::read_all(file.get());
}

class SpawnActions {
 public:
  SpawnActions() {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes_, &none);  // workers have all signals blocked
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
  }
  ~SpawnActions() {
    ::posix_spawn_file_actions_destroy(&files_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  void give(const base::Fd& file, int as) { ::posix_spawn_file_actions_adddup2(&files_, file.get(), as); }
  posix_spawn_file_actions_t* files() { return &files_; }
  posix_spawnattr_t* attributes() { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

/// What apparmor_parser(8) prints for `arguments` and `input`. Throws SystemError with what it complains about.
std::string run_parser(std::vector<std::string> arguments, const std::string& input) {
  const base::Fd in = memory_file("profile"), out = memory_file("policy"), complaints = memory_file("complaints");
  base::write_all(in.get(), input.data(), input.size(), "profile");
  if (::lseek(in.get(), 0, SEEK_SET) < 0) base::fail_errno(Code::SystemError, "cannot read a memory file");
  SpawnActions actions;
  actions.give(in, STDIN_FILENO);
  actions.give(out, STDOUT_FILENO);
  actions.give(complaints, STDERR_FILENO);
  std::string program = "apparmor_parser";
  std::vector<char*> argv = {program.data()};
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
  char* const environment[] = {path, nullptr};
  pid_t pid = -1;
  int error = ENOENT;
  for (const char* place : {"/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"})
    if (error == ENOENT)
      error = ::posix_spawn(&pid, place, actions.files(), actions.attributes(), argv.data(), environment);
  if (error != 0) base::fail_errno_value(error, Code::SystemError, "cannot run apparmor_parser");
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) base::fail_errno(Code::SystemError, "cannot wait for apparmor_parser");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    base::fail(Code::SystemError, "apparmor_parser: ", first_line(content(complaints)));
  return content(out);
}

void write_policy(const std::string& file, const std::string& bytes, const std::string& name) {
  const std::string path = std::string(kPolicy) + "/" + file;
  const base::Fd policy = base::open_file(path, O_WRONLY);
  // In one call: the kernel takes each as a whole policy. What it returns then need not be the size: when it drops the
  // bytes as a copy of what it has already, the number is read from memory it has given back.
  if (::write(policy.get(), bytes.data(), bytes.size()) < 0)
    base::fail_errno(Code::SystemError, "cannot write AppArmor profile '", name, "' to '", path, "'");
}

/// Lines of `profiles` are "NAME (MODE)".
bool is_loaded(const std::string& name) {
  const std::string all = "\n" + base::read_file(std::string(kPolicy) + "/profiles");
  return all.find("\n" + name + " (") != std::string::npos;
}

}  // namespace

bool AppArmor::enabled() {
  try {
    if (!base::read_file("/sys/module/apparmor/parameters/enabled").starts_with('Y')) return false;
    if (::access((std::string(kPolicy) + "/.replace").c_str(), W_OK) == 0) return true;
    base::fail_errno(Code::SystemError, "cannot write AppArmor's policy");
  } catch (const base::Error& error) {
    if (base::is_shortage(error.system_errno())) throw;
    return false;
  }
}

std::string AppArmor::prepare() {
  const std::scoped_lock lock(mutex_);
  if (prepared_) return "";
  try {
    if (!is_loaded(kSharedName)) run_parser({"--replace", "--skip-cache", shared_profile_}, "");
    if (!is_loaded(kSharedName)) return "profile 'lxcell-container' is not loaded";
    run_parser({"--version"}, "");  // for the domains' own
  } catch (const base::Error& error) {
    return error.detail();
  }
  prepared_ = true;
  return "";
}

std::string AppArmor::profile_text(const std::string& name, const std::string& label) {
  // Peers by their whole stack: the kernel (6.1) does not match its parts.
  return fmt::format(R"(abi <abi/3.0>,
profile {0} flags=(attach_disconnected, mediate_deleted) {{
  capability,
  dbus,
  file,
  network,
  unix,
  mount,
  remount,
  umount,
  pivot_root,
  ptrace peer={1},
  signal peer={1},
  ptrace (readby, tracedby) peer=unconfined,
  signal (receive) peer=unconfined,
  include if exists <local/{0}>
}}
)",
                     name, label);
}

void AppArmor::load(const std::string& name, const std::string& label) {
  std::string policy;
  {
    const std::scoped_lock lock(mutex_);
    policy = compiled_[name];
  }
  if (policy.empty()) {
    policy = run_parser({"--skip-kernel-load", "--skip-cache", "--stdout"}, profile_text(name, label));
    const std::scoped_lock lock(mutex_);
    compiled_[name] = policy;
  }
  write_policy(".replace", policy, name);
}

void AppArmor::unload(const std::string& name) noexcept {
  try {
    write_policy(".remove", name, name);
  } catch (const base::Error& error) {
    if (error.system_errno() != ENOENT) base::log::warning("{}", error.message());
  }
}

}  // namespace container
