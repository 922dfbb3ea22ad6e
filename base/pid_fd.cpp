#include "base/pid_fd.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>

#include "base/error.hpp"

namespace base {

std::optional<PidFd> PidFd::open(pid_t pid) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (fd) return PidFd(pid, std::move(fd));
  if (errno == ESRCH) return std::nullopt;
  fail_errno(Code::SystemError, "cannot open process ", pid);
}

bool PidFd::signal(int number) const {
  if (::syscall(SYS_pidfd_send_signal, fd_.get(), number, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  fail_errno(Code::SystemError, "cannot send signal ", number, " to process ", pid_);
}

bool PidFd::wait_exit(int timeout_ms) const {
  pollfd ready{fd_.get(), POLLIN, 0};
  while (true) {
    const int n = ::poll(&ready, 1, timeout_ms);
    if (n >= 0) return n > 0;
    if (errno != EINTR) fail_errno(Code::SystemError, "cannot wait for process ", pid_);
  }
}

std::optional<int> PidFd::reap() const {
  siginfo_t info{};
  if (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(fd_.get()), &info, WEXITED | WNOHANG) < 0 ||
      info.si_pid == 0)
    return std::nullopt;
  if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
  return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
}

unsigned long long process_start_time(pid_t pid) {
  const Fd fd(::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  char text[1024];
  const ssize_t got = fd ? ::read(fd.get(), text, sizeof text - 1) : -1;
  if (got < 0 && errno != ENOENT && errno != ESRCH)
    fail_errno(Code::SystemError, "cannot find out when process ", pid, " was started");
  if (got <= 0) return 0;
  const std::string line(text, static_cast<std::size_t>(got));
  auto at = line.rfind(')');  // the command name may hold blanks and parentheses
  for (int field = 2; at != std::string::npos && field < 22; ++field) at = line.find(' ', at + 1);
  return at == std::string::npos ? 0 : std::strtoull(line.c_str() + at + 1, nullptr, 10);
}

}  // namespace base
