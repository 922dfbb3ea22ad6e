#include "container/guest_work.hpp"

#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "base/error.hpp"

namespace container {
namespace {

using base::Code;
using Clock = std::chrono::steady_clock;

/// First byte of what the child sends.
constexpr char kAnswer = 'a', kError = 'e';

struct ErrorHeader {
  int code, from, system_errno;
};

void go_inside(const GuestPlace& place, Rights rights) {
  if (::fchdir(place.root.get()) < 0 || ::chroot(".") < 0)
    base::fail_errno(Code::SystemError, "cannot enter the container's root directory");
  if (rights == Rights::HostRoot || !place.user_namespace) return;
  if (::setns(place.user_namespace.get(), CLONE_NEWUSER) < 0)
    base::fail_errno(Code::SystemError, "cannot enter the container's user namespace");
  // setgroups(2) may be denied in there; then the groups are none of the container's anyway.
  ::setgroups(0, nullptr);
  if (::setresgid(0, 0, 0) < 0 || ::setresuid(0, 0, 0) < 0)
    base::fail_errno(Code::OperationUnsupported, "the container has no root user");
}

/// The child, to its end: nothing of the daemon's is touched, and no destructor or exit handler of it runs.
[[noreturn]] void serve(const GuestPlace& place, Rights rights, const std::function<std::string()>& work, int out) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::string message;
  try {
    go_inside(place, rights);
    message = kAnswer + work();
  } catch (const base::Error& error) {
    const ErrorHeader header{static_cast<int>(error.code()), static_cast<int>(error.from()), error.system_errno()};
    message =
        std::string(1, kError) + std::string(reinterpret_cast<const char*>(&header), sizeof header) + error.detail();
  } catch (...) {
    ::_exit(1);
  }
  for (std::size_t done = 0; done < message.size();) {
    const ssize_t written = ::write(out, message.data() + done, message.size() - done);
    if (written <= 0) ::_exit(1);
    done += static_cast<std::size_t>(written);
  }
  ::_exit(0);
}

/// False when the child was not done in time.
bool read_until(int in, Clock::time_point deadline, std::string& message) {
  char buffer[4096];
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{in, POLLIN, 0};
    if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) == 0) return false;
    const ssize_t got = ::read(in, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    message.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace

std::string work_inside(const GuestPlace& place, Rights rights, const std::function<std::string()>& work,
                        std::chrono::milliseconds limit) {
  auto [ours, theirs] = base::socket_pair(SOCK_STREAM);
  const auto deadline = Clock::now() + limit;
  const pid_t child = ::fork();
  if (child < 0) base::fail_errno(Code::SystemError, "cannot fork");
  if (child == 0) serve(place, rights, work, theirs.get());
  theirs.reset();
  std::string message;
  const bool in_time = read_until(ours.get(), deadline, message);
  if (!in_time) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) base::fail(Code::OperationTimeout, "the container's files do not answer");
  if (status != 0 || message.empty()) base::fail(Code::InternalError, "work inside the container ended unexpectedly");
  if (message[0] == kAnswer) return message.substr(1);
  ErrorHeader header{};
  if (message.size() < 1 + sizeof header) base::fail(Code::InternalError, "short answer from inside the container");
  std::memcpy(&header, message.data() + 1, sizeof header);
  std::string detail = message.substr(1 + sizeof header);
  // The kernel's words are there already, and an Error puts them there.
  const std::string words = header.system_errno ? std::string(": ") + std::strerror(header.system_errno) : "";
  if (detail.ends_with(words)) detail.resize(detail.size() - words.size());
  throw base::Error(static_cast<Code>(header.code), static_cast<base::From>(header.from), std::move(detail),
                    header.system_errno);
}

}  // namespace container
