#include "container/spawn.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "base/descriptors.hpp"
#include "base/error.hpp"
#include "container/low_descriptors.hpp"
#include "container/supervisor_protocol.hpp"

namespace container {
namespace {

constexpr std::size_t kStackBytes = 64 * 1024;
constexpr std::size_t kCpuSetBytes = 2048;  // as many CPUs as libvirt's lists know

/// The CPUs a thread may run on, as the kernel has them: so many bytes, 0 where it would not say.
struct Cpus {
  alignas(unsigned long) unsigned char bits[kCpuSetBytes];
  std::size_t size = 0;
};

Cpus own_cpus() {
  Cpus cpus;
  const long size = ::syscall(SYS_sched_getaffinity, 0, sizeof cpus.bits, cpus.bits);
  cpus.size = size > 0 ? static_cast<std::size_t>(size) : 0;
  return cpus;
}

/// Without the one we are on; nothing if there is no other.
std::optional<Cpus> without_this_cpu(Cpus cpus) {
  const int here = ::sched_getcpu();
  if (here < 0 || static_cast<std::size_t>(here) >= cpus.size * 8) return std::nullopt;
  cpus.bits[here / 8] &= static_cast<unsigned char>(~(1U << (here % 8)));
  const auto* end = cpus.bits + cpus.size;
  if (std::all_of(static_cast<const unsigned char*>(cpus.bits), end, [](unsigned char byte) { return byte == 0; }))
    return std::nullopt;
  return cpus;
}

struct ChildArguments {
  const char* program;
  char* const* argv;
  char* const* envp;
  int log, control;
  const rlimit* descriptors;
  const Cpus* cpus;  // the daemon's; null: the caller's
  int highest;       // of the descriptors to take along from a table that is the daemon's; -1: it is a copy
  int error;         // written by the child, which shares our memory
};

[[noreturn]] void give_up_child(ChildArguments& arguments) {
  arguments.error = errno;
  ::_exit(127);
}

/// In the child: it shares all memory with the daemon, so system calls only. Signals stay blocked; the supervisor
/// itself lets go of the rest that it inherits.
__attribute__((no_sanitize("address", "undefined", "thread"))) int run_child(void* pointer) {
  auto& arguments = *static_cast<ChildArguments*>(pointer);
  if (arguments.highest >= 0 && ::syscall(SYS_close_range, arguments.highest + 1, ~0U, CLOSE_RANGE_UNSHARE) < 0)
    give_up_child(arguments);
  ::setrlimit(RLIMIT_NOFILE, arguments.descriptors);
  if (arguments.cpus) ::syscall(SYS_sched_setaffinity, 0, arguments.cpus->size, arguments.cpus->bits);
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

/// More at the same time take a copy of the whole table along.
constexpr std::size_t kLeases = 16;
LowDescriptors& low_descriptors() {
  static LowDescriptors instance(protocol::kControlFd + 1, kLeases);
  return instance;
}

base::PidFd spawn(const SpawnPlan& plan, const Cpus* cpus) {
  const auto low = low_descriptors().lend({plan.log, plan.control});
  base::Fd log, control;
  if (!low) log = high_copy(plan.log), control = high_copy(plan.control);
  std::string name = plan.name, program = plan.program;
  char* const argv[] = {program.data(), name.data(), nullptr};
  char* const envp[] = {nullptr};
  ChildArguments arguments{.program = program.c_str(),
                           .argv = argv,
                           .envp = envp,
                           .log = low ? (*low)[0] : log.get(),
                           .control = low ? (*low)[1] : control.get(),
                           .descriptors = &base::inherited_descriptor_limit(),
                           .cpus = cpus,
                           .highest = low ? low_descriptors().highest() : -1,
                           .error = 0};
  const auto stack = std::make_unique<std::byte[]>(kStackBytes);

  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | (low ? std::uint64_t{CLONE_FILES} : 0);
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const auto bottom = (reinterpret_cast<std::uintptr_t>(stack.get()) + 15) & ~std::uintptr_t{15};
  args.stack = bottom;
  args.stack_size = kStackBytes - 32;
  if (plan.v2_directory >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(plan.v2_directory);
  }
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

/// What a thread is to do, and where.
struct Beside {
  SpawnPlan plan;
  base::Fd control;
  Cpus cpus;
  std::promise<base::PidFd> result;
};

void* spawn_and_tell(void* pointer) {
  const std::unique_ptr<Beside> beside(static_cast<Beside*>(pointer));
  try {
    auto process = spawn(beside->plan, beside->cpus.size != 0 ? &beside->cpus : nullptr);
    beside->control.reset();  // lest a supervisor that is gone seem to be there
    beside->result.set_value(std::move(process));
  } catch (...) {
    beside->control.reset();
    beside->result.set_exception(std::current_exception());
  }
  return nullptr;
}

/// Returns an errno value.
int start_detached(Beside* beside, const Cpus* cpus) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (cpus) ::pthread_attr_setaffinity_np(&attributes, cpus->size, reinterpret_cast<const cpu_set_t*>(cpus->bits));
  pthread_t thread;
  const int error = ::pthread_create(&thread, &attributes, spawn_and_tell, beside);
  ::pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace

void prepare_spawning() {
  low_descriptors();
}

base::PidFd spawn_supervisor(const SpawnPlan& plan) {
  return spawn(plan, nullptr);
}

/// On another CPU from the first: left to itself the kernel often starts a thread where its maker is, who then keeps it
/// waiting for a millisecond while the next CPU has nothing to do.
std::future<base::PidFd> spawn_supervisor_beside(SpawnPlan plan, base::Fd control) {
  plan.control = control.get();
  auto beside = std::make_unique<Beside>(Beside{std::move(plan), std::move(control), own_cpus(), {}});
  auto future = beside->result.get_future();
  const auto others = without_this_cpu(beside->cpus);
  int error = start_detached(beside.get(), others ? &*others : nullptr);
  if (error == EINVAL) error = start_detached(beside.get(), nullptr);  // no such CPU any more
  if (error != 0) base::fail_errno_value(error, base::Code::SystemError, "cannot start a thread for the supervisor");
  beside.release();  // the thread's
  return future;
}

}  // namespace container
