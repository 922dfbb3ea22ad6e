#include "soak/faults/tracer.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "support/scratch.hpp"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace faults {
namespace {

constexpr const char* kWord = "--traced-by";
constexpr int kHandOver = 1000;  // the descriptor by which the filter's own other end leaves

/// Calls that change nothing and are made all the time.
constexpr int kFree[] = {
    SYS_futex,
    SYS_epoll_pwait,
    SYS_ppoll,
    SYS_pselect6,
    SYS_nanosleep,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_gettimeofday,
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_close,
    SYS_exit,
    SYS_exit_group,
    SYS_getpid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_sched_yield,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_set_tid_address,
    SYS_restart_syscall,
    SYS_lseek,
    SYS_getrandom,
    SYS_close_range,
    SYS_wait4,
    SYS_waitid,
    SYS_sigaltstack,
    SYS_uname,
    SYS_prlimit64,
    SYS_sched_getaffinity,
    SYS_membarrier,
    SYS_tgkill,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
    SYS_poll,
    SYS_select,
    SYS_arch_prctl,
    SYS_getrlimit,
    SYS_time,
#endif
};

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

[[noreturn]] void fail_to_enter(const char* what) {
  std::perror(what);
  _exit(127);
}

int install_filter() {
  std::vector<sock_filter> program;
  const auto add = [&](unsigned code, std::uint32_t value, unsigned yes = 0, unsigned no = 0) {
    program.push_back(
        {static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(yes), static_cast<std::uint8_t>(no), value});
  };
  constexpr unsigned kLoad = BPF_LD | BPF_W | BPF_ABS, kSame = BPF_JMP | BPF_JEQ | BPF_K, kReturn = BPF_RET | BPF_K;
  add(kLoad, offsetof(seccomp_data, nr));
  for (const int number : kFree) {
    add(kSame, static_cast<std::uint32_t>(number), 0, 1);
    add(kReturn, SECCOMP_RET_ALLOW);
  }
  add(kSame, SYS_sendmsg, 0, 3);  // the one by which this filter's other end leaves: nobody could answer yet
  add(kLoad, offsetof(seccomp_data, args[0]));
  add(kSame, kHandOver, 0, 1);
  add(kReturn, SECCOMP_RET_ALLOW);
  add(kReturn, SECCOMP_RET_USER_NOTIF);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                  SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &filter));
}

bool send_descriptor(int socket, int fd) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  char byte = 'L';
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return sendmsg(socket, &message, 0) == 1;
}

base::Fd receive_descriptor(int socket) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  char byte = 0;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) return {};
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  int fd = -1;
  if (header && header->cmsg_type == SCM_RIGHTS) std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return base::Fd(fd);
}

std::string program_of(pid_t thread) {
  char target[4096];
  const ssize_t size = readlink(("/proc/" + std::to_string(thread) + "/exe").c_str(), target, sizeof target);
  const std::string_view path(target, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return std::string(path.substr(path.rfind('/') + 1));
}

/// The number after `key` in /proc/THREAD/status, the last one of several.
long status_number(pid_t thread, const std::string& key, bool several) {
  const std::string text = support::read_text("/proc/" + std::to_string(thread) + "/status");
  const auto at = text.find("\n" + key + ":");
  if (at == std::string::npos) return -1;
  const std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  const auto last = line.find_last_of(" \t");
  const bool one = line.find_first_of(" \t") == last;
  return several && one ? 0 : std::atol(line.c_str() + last);
}

}  // namespace

void enter(int count, char** words) {
  if (count < 4 || std::string_view(words[1]) != kWord) return;
  const base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_of(words[2]);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) fail_to_enter("connect");
  if (dup3(socket.get(), kHandOver, O_CLOEXEC) < 0) fail_to_enter("dup3");
  const int listener = install_filter();
  if (listener < 0) fail_to_enter("seccomp");
  if (!send_descriptor(kHandOver, listener)) fail_to_enter("sendmsg");
  execv(words[3], words + 3);
  fail_to_enter("exec");
}

struct Tracer::Impl {
  std::string path = support::make_folder("tracer") + "/socket";
  base::Fd door;
  std::atomic<bool> ending{false};
  std::vector<base::Fd> listeners;  // of the thread
  pid_t daemon = -1;                // of the thread: the newest

  mutable std::mutex mutex;  // guards what follows
  std::optional<Fault> fault;
  int left = 0;
  std::optional<std::string> struck;
  std::function<void(const SystemCall&)> see;

  std::thread thread;

  void run();
  void admit();
  void serve(int listener);
  Role role_of(pid_t caller) const;
  enum class Verdict { GoesOn, Fails, Dies };
  Verdict judge(const SystemCall& call, int& error);
};

Tracer::Tracer() : impl_(std::make_unique<Impl>()) {
  impl_->door = base::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_of(impl_->path);
  if (bind(impl_->door.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      listen(impl_->door.get(), 8) < 0)
    throw std::runtime_error("cannot listen on " + impl_->path);
  impl_->thread = std::thread([this] { impl_->run(); });
}

/// Whatever is still traced gets ENOSYS from here on: end it first.
Tracer::~Tracer() {
  impl_->ending = true;
  impl_->thread.join();
}

std::vector<std::string> Tracer::entrance() const {
  char self[4096];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof self);
  return {std::string(self, static_cast<std::size_t>(std::max<ssize_t>(size, 0))), kWord, impl_->path};
}

void Tracer::arm(const Fault& fault) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->fault = fault;
  impl_->left = fault.index;
  impl_->struck.reset();
}

bool Tracer::hit() const {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->struck.has_value();
}

std::optional<std::string> Tracer::disarm() {
  const std::scoped_lock lock(impl_->mutex);
  impl_->fault.reset();
  return std::exchange(impl_->struck, std::nullopt);
}

void Tracer::watch(std::function<void(const SystemCall&)> see) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->see = std::move(see);
}

void Tracer::Impl::run() {
  constexpr int kLookAround = 100;  // milliseconds until the end is noticed
  while (!ending) {
    std::vector<pollfd> ready{{door.get(), POLLIN, 0}};
    for (const auto& listener : listeners) ready.push_back({listener.get(), POLLIN, 0});
    if (poll(ready.data(), ready.size(), kLookAround) <= 0) continue;
    for (std::size_t i = ready.size() - 1; i > 0; --i) {
      if (ready[i].revents & POLLIN)
        serve(ready[i].fd);
      else if (ready[i].revents != 0)
        listeners.erase(listeners.begin() + static_cast<std::ptrdiff_t>(i) - 1);  // nobody has the filter any more
    }
    if (ready[0].revents != 0) admit();
  }
}

void Tracer::Impl::admit() {
  const base::Fd connection(accept4(door.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ucred peer{};
  socklen_t size = sizeof peer;
  getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
  if (auto listener = receive_descriptor(connection.get())) {
    daemon = peer.pid;
    listeners.push_back(std::move(listener));
  }
}

Role Tracer::Impl::role_of(pid_t caller) const {
  const std::string program = program_of(caller);
  if (program == "virtlxcelld") {
    if (caller == daemon) return Role::Loop;
    const std::string name = support::read_text("/proc/" + std::to_string(caller) + "/comm");
    return name == "definitions\n" ? Role::Definitions : Role::Worker;
  }
  if (program != "lxcell-supervisor") return Role::Payload;
  return status_number(caller, "NSpid", true) == 1 ? Role::Init : Role::Supervisor;
}

Tracer::Impl::Verdict Tracer::Impl::judge(const SystemCall& call, int& error) {
  if (call.role == Role::Payload) return Verdict::GoesOn;
  const std::scoped_lock lock(mutex);
  if (see && call.role <= Role::Definitions) see(call);
  if (!fault || struck || fault->role != call.role) return Verdict::GoesOn;
  if (fault->call >= 0 && fault->call != call.number) return Verdict::GoesOn;
  error = fault->error;
  if (!(error == 0 ? changes_something(call) : may_fail(call))) return Verdict::GoesOn;
  if (left-- > 0) return Verdict::GoesOn;
  struck = describe(call);
  if (error != 0) return Verdict::Fails;
  const bool of_daemon = call.role <= Role::Definitions;
  ::kill(of_daemon ? daemon : call.thread, SIGKILL);
  // A process that is to become a supervisor does not die with its daemon.
  const std::string task = "/proc/" + std::to_string(daemon) + "/task/" + std::to_string(call.thread);
  return of_daemon && !support::exists(task) ? Verdict::GoesOn : Verdict::Dies;
}

void Tracer::Impl::serve(int listener) {
  alignas(seccomp_notif) char room[sizeof(seccomp_notif) + 256] = {};
  auto& notification = *reinterpret_cast<seccomp_notif*>(room);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0) return;  // its caller has died
  SystemCall call{.thread = static_cast<pid_t>(notification.pid), .number = notification.data.nr};
  for (int i = 0; i < 6; ++i) call.arguments[i] = notification.data.args[i];
  call.role = role_of(call.thread);
  int error = 0;
  const Verdict verdict = judge(call, error);
  if (verdict == Verdict::Dies) return;  // unanswered, so that the call is never made
  alignas(seccomp_notif_resp) char answer_room[sizeof(seccomp_notif_resp) + 256] = {};
  auto& answer = *reinterpret_cast<seccomp_notif_resp*>(answer_room);
  answer.id = notification.id;
  if (verdict == Verdict::Fails)
    answer.error = -error;
  else
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

}  // namespace faults
