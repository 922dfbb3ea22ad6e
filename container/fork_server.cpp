#include "container/fork_server.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "container/channel.hpp"
#include "container/spawn.hpp"

namespace container {
namespace {

using base::Code;

constexpr int kReapMilliseconds = 100;
constexpr std::size_t kRoomForName = 255;  // in the arguments, where a copy shows its container's

bool is_gone(int error) {
  return error == EPIPE || error == ECONNRESET;
}

/// None where there are more CPUs than it has room for.
cpu_set_t own_cpus() noexcept {
  cpu_set_t cpus;
  if (::sched_getaffinity(0, sizeof cpus, &cpus) != 0) CPU_ZERO(&cpus);
  return cpus;
}

/// Not where we are, if there is another CPU: who is woken by a message starts on the CPU of who sent it, which goes on
/// for a millisecond while another has nothing to do. The copy, which has the template's CPUs, stays there until it has
/// been told what to do.
void keep_off_this_cpu(pid_t process, cpu_set_t cpus) noexcept {
  const int here = ::sched_getcpu();
  if (here < 0) return;
  CPU_CLR(here, &cpus);
  ::sched_setaffinity(process, sizeof cpus, &cpus);  // EINVAL: no other is left
}

/// 0 when this wait status tells none.
int told_errno(std::optional<int> status) noexcept {
  const int number = status && WIFEXITED(*status) ? WEXITSTATUS(*status) : 0;
  return protocol::is_told_errno(number) ? number : 0;
}

/// `cause`: an errno, or 0.
[[noreturn]] void fail_for_end(const std::string& program, int cause) {
  if (cause != 0)
    base::fail_errno_value(cause, Code::SystemError, "cannot start supervisor '", program, "': its process has ended");
  base::fail(Code::SystemError, "cannot start supervisor '", program, "': its process has ended");
}

/// One that we have no descriptor for. It is our child and not reaped, so the number is nobody else's.
void kill_and_reap(pid_t pid) {
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

ForkServer::ForkServer(std::string program) : program_(std::move(program)) {
  try {
    begin();
  } catch (const base::Error& error) {
    base::log::warning("{}", error.message());
  }
}

ForkServer::~ForkServer() {
  end();
}

void ForkServer::begin() {
  auto [ours, theirs] = base::socket_pair(SOCK_SEQPACKET);
  cpus_ = own_cpus();
  const base::Fd nowhere = base::open_file("/dev/null", O_WRONLY);
  process_ = spawn_supervisor(
      {.program = program_, .name = std::string(kRoomForName, ' '), .control = theirs.get(), .log = nowhere.get()});
  socket_ = std::move(ours);
  knows_its_cpus_ = false;
  ask({});  // whether it is a template shows when it is asked for a copy
}

/// False with errno set.
bool ForkServer::ask(const std::vector<int>& fds) const {
  const protocol::Header header = make_header(protocol::Type::Fork, sizeof header);
  return send_packet(socket_.get(), &header, sizeof header, fds.data(), static_cast<int>(fds.size()), 0);
}

/// Why it had ended before, an errno; 0 when it had not or that is not known.
int ForkServer::end() noexcept {
  int error = 0;
  if (socket_) {
    const auto last = ControlSocket(std::move(socket_)).receive_now();
    if (last.kind == ControlMessage::Kind::Packet && last.type == protocol::Type::Failed) error = last.failed.error;
  }
  if (!process_) return error;
  const int told = told_errno(end_supervisor(process_));
  process_ = {};
  return error != 0 ? error : told;
}

void ForkServer::fork(const base::Fd& control, int v2_directory) {
  std::vector<int> fds{control.get()};
  if (v2_directory >= 0) fds.push_back(v2_directory);
  const std::scoped_lock lock(mutex_);
  for (int attempt = 0;; ++attempt) {
    const cpu_set_t cpus = own_cpus();
    if (!CPU_EQUAL(&cpus, &cpus_)) end();  // ours have changed, or the host's, and a copy gets the template's
    if (!socket_) begin();
    if (knows_its_cpus_) keep_off_this_cpu(process_.pid(), cpus);
    if (ask(fds)) return;
    const int error = errno;
    if (!is_gone(error)) base::fail_errno_value(error, Code::SystemError, "cannot start supervisor '", program_, "'");
    const pid_t gone = process_.pid();
    const int cause = end();
    if (attempt > 0) fail_for_end(program_, cause);
    base::log::warning("the template of supervisors, process {}, is gone: making another", gone);
  }
}

base::PidFd ForkServer::await_forked(ControlSocket& control, Deadline deadline) {
  auto message = control.receive(deadline);
  if (message.kind == ControlMessage::Kind::Packet && message.type == protocol::Type::Forked) {
    const auto pid = static_cast<pid_t>(message.status.header.number);
    knows_its_cpus_ = true;
    if (!message.fds.empty()) return {pid, std::move(message.fds[0])};
    kill_and_reap(pid);  // which is what the kernel does with a descriptor that there is no room for (unix(7))
    base::fail_errno_value(EMFILE, Code::SystemError, "cannot take the descriptor of supervisor ", pid);
  }
  const bool told = message.kind == ControlMessage::Kind::Packet && message.type == protocol::Type::Failed;
  control = {};
  const int cause = reap_unannounced();
  if (told) base::fail_errno_value(message.failed.error, Code::SystemError, "cannot start supervisor '", program_, "'");
  if (message.error != 0)
    base::fail_errno_value(message.error, Code::SystemError, "cannot hear from supervisor '", program_, "'");
  if (message.kind == ControlMessage::Kind::Nothing)
    base::fail(Code::SystemError, "cannot start supervisor '", program_, "': it does not come up");
  fail_for_end(program_, cause);
}

/// A copy that has not said who it is is still in the template's process group. Its socket is closed a moment before it
/// has ended; there is none if it is the template that has. The errno that whichever has ended with; 0 when it has
/// none.
int ForkServer::reap_unannounced() {
  const std::scoped_lock lock(mutex_);
  for (int wait = 0; wait < kReapMilliseconds && process_; ++wait) {
    siginfo_t info{};
    if (process_.wait_exit(0)) return end();
    ::waitid(P_PGID, static_cast<id_t>(process_.pid()), &info, WEXITED | WNOHANG);
    if (info.si_pid != 0) return info.si_code == CLD_EXITED ? told_errno(W_EXITCODE(info.si_status, 0)) : 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return 0;
}

}  // namespace container
