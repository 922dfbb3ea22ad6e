#include "base/command.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace base {
namespace {

constexpr std::size_t kMaxComplaint = 4096;

/// Anonymous files, not pipes: a program that does not read or does not stop writing cannot make us wait for it.
Fd anonymous_file(const char* name) {
  Fd file(::memfd_create(name, MFD_CLOEXEC));
  if (!file) fail_errno(Code::SystemError, "cannot make an anonymous file");
  return file;
}

class SpawnActions {
 public:
  SpawnActions() { ::posix_spawn_file_actions_init(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  void give(int fd, int as) { ::posix_spawn_file_actions_adddup2(&actions_, fd, as); }
  void give(const char* path, int as) { ::posix_spawn_file_actions_addopen(&actions_, as, path, O_WRONLY, 0); }
  void give_nothing_else() { ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class SpawnSignals {
 public:
  SpawnSignals() {
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  SpawnSignals(const SpawnSignals&) = delete;
  SpawnSignals& operator=(const SpawnSignals&) = delete;
  ~SpawnSignals() { ::posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  for (const auto& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

std::string read_complaint(const Fd& file) {
  std::string text(kMaxComplaint, '\0');
  const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

std::string CommandResult::description() const {
  const std::string end = WIFSIGNALED(wait_status) ? join("signal ", WTERMSIG(wait_status))
                                                   : join("exit status ", WEXITSTATUS(wait_status));
  return complaint.empty() ? end : join(end, ": ", complaint);
}

CommandResult run_command(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                          std::string_view input) {
  const Fd given = anonymous_file("input"), complaints = anonymous_file("complaints");
  write_all(given.get(), input.data(), input.size(), "the input of a program");
  ::lseek(given.get(), 0, SEEK_SET);
  SpawnActions actions;
  actions.give(given.get(), STDIN_FILENO);
  actions.give("/dev/null", STDOUT_FILENO);
  actions.give(complaints.get(), STDERR_FILENO);
  actions.give_nothing_else();
  const SpawnSignals signals;
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, arguments.front().c_str(), actions.get(), signals.get(),
                                  pointers(arguments).data(), pointers(environment).data());
  if (error != 0) {
    errno = error;
    fail_errno(Code::SystemError, "cannot execute '", arguments.front(), "'");
  }
  CommandResult result;
  while (::waitpid(pid, &result.wait_status, 0) < 0 && errno == EINTR) {
  }
  result.complaint = read_complaint(complaints);
  return result;
}

}  // namespace base
