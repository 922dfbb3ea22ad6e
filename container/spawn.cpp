#include "container/spawn.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>

#include "base/descriptors.hpp"
#include "base/error.hpp"
#include "container/supervisor_protocol.hpp"

namespace container {
namespace {

constexpr std::size_t kStackBytes = 64 * 1024;
constexpr int kEndMilliseconds = 100;

struct ChildArguments {
  const char* program;
  char* const* argv;
  char* const* envp;
  int log, control;
  const rlimit* descriptors;
  int error;  // written by the child, which shares our memory
};

[[noreturn]] void give_up_child(ChildArguments& arguments) {
  arguments.error = errno;
  ::_exit(127);
}

/// In the child: it shares all memory with the daemon, so system calls only. Signals stay blocked; the supervisor
/// itself lets go of the rest that it inherits.
__attribute__((no_sanitize("address", "undefined", "thread"))) int run_child(void* pointer) {
  auto& arguments = *static_cast<ChildArguments*>(pointer);
  ::setrlimit(RLIMIT_NOFILE, arguments.descriptors);
  if (::dup2(arguments.log, 1) < 0 || ::dup2(arguments.log, 2) < 0 ||
      ::dup2(arguments.control, protocol::kControlFd) < 0 ||
      ::syscall(SYS_close_range, protocol::kControlFd + 1, ~0U, 0) < 0)
    give_up_child(arguments);
  ::execve(arguments.program, arguments.argv, arguments.envp);
  give_up_child(arguments);
}

/// clone3 on a stack of its own: with CLONE_VM the child must not return into frames its parent will use. glibc 2.36
/// has no wrapper that takes CLONE_INTO_CGROUP.
long clone_on_stack(clone_args& args, int (*run)(void*), void* argument) {
#if defined(__x86_64__)
  long result = 0;
  register auto run_register asm("r8") = run;
  register auto argument_register asm("r9") = argument;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r9, %%rdi\n\t"
      "call *%%r8\n\t"
      "ud2\n"
      "1:"
      : "=a"(result)
      : "a"(SYS_clone3), "D"(&args), "S"(sizeof args), "r"(run_register), "r"(argument_register)
      : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register auto result asm("x0") = reinterpret_cast<long>(&args);
  register auto size asm("x1") = static_cast<long>(sizeof args);
  register auto number asm("x8") = static_cast<long>(SYS_clone3);
  register auto run_register asm("x9") = run;
  register auto argument_register asm("x10") = argument;
  asm volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x0, x10\n\t"
      "blr x9\n\t"
      "brk #1\n"
      "1:"
      : "+r"(result)
      : "r"(size), "r"(number), "r"(run_register), "r"(argument_register)
      : "memory");
  return result;
#else
  // A copy of the page tables, on the same stack: slower, as safe.
  args.flags &= ~static_cast<std::uint64_t>(CLONE_VM);
  args.stack = args.stack_size = 0;
  const long result = ::syscall(SYS_clone3, &args, sizeof args);
  if (result == 0) ::_exit(run(argument));
  return result < 0 ? -errno : result;
#endif
}

class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

/// A copy above the numbers the child assigns, so that no assignment overwrites a source.
base::Fd high_copy(int fd) {
  base::Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, protocol::kControlFd + 1));
  if (!copy) base::fail_errno(base::Code::SystemError, "cannot duplicate a file descriptor");
  return copy;
}

}  // namespace

base::PidFd spawn_supervisor(const SpawnPlan& plan) {
  const base::Fd log = high_copy(plan.log), control = high_copy(plan.control);
  std::string name = plan.name, program = plan.program;
  char* const argv[] = {program.data(), name.data(), nullptr};
  char* const envp[] = {nullptr};
  ChildArguments arguments{.program = program.c_str(),
                           .argv = argv,
                           .envp = envp,
                           .log = log.get(),
                           .control = control.get(),
                           .descriptors = &base::inherited_descriptor_limit(),
                           .error = 0};
  const auto stack = std::make_unique<std::byte[]>(kStackBytes);

  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const auto bottom = (reinterpret_cast<std::uintptr_t>(stack.get()) + 15) & ~std::uintptr_t{15};
  args.stack = bottom;
  args.stack_size = kStackBytes - 32;
  long pid = 0;
  {
    const AllSignalsBlocked blocked;
    pid = clone_on_stack(args, run_child, &arguments);
  }
  if (pid < 0)
    base::fail_errno_value(static_cast<int>(-pid), base::Code::SystemError, "cannot start supervisor '", program, "'");
  base::PidFd process(static_cast<pid_t>(pid), base::Fd(pidfd));
  if (arguments.error) {
    process.wait_exit(-1);
    process.reap();
    base::fail_errno_value(arguments.error, base::Code::SystemError, "cannot execute supervisor '", program, "'");
  }
  return process;
}

std::optional<int> end_supervisor(const base::PidFd& process) noexcept {
  if (!process.wait_exit(kEndMilliseconds)) {
    process.signal(SIGKILL);
    process.wait_exit(-1);
  }
  return process.reap();
}

}  // namespace container
