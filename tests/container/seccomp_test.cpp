// What the filters do to calls, each tried in a process under one; and how profiles in files are read.
#include "container/seccomp.hpp"

#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/error.hpp"
#include "container/seccomp_profile.hpp"

namespace container {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t bit(int capability) {
  return std::uint64_t{1} << capability;
}
constexpr std::uint64_t kAll = (std::uint64_t{1} << 41) - 1;
const SeccompSubject kSystem{.kept = kAll & ~bit(CAP_SYS_MODULE) & ~bit(CAP_SYS_TIME)};

SeccompSubject asking_for(int capability) {
  auto subject = kSystem;
  subject.kept |= bit(capability);
  subject.asked_for = bit(capability);
  return subject;
}

/// What `call` gives in a process under the filter: its errno, 0 for success, minus the signal that ended it.
template <typename Call>
int under(std::string program, Call&& call) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    sock_fprog filter{static_cast<unsigned short>(program.size() / sizeof(sock_filter)),
                      reinterpret_cast<sock_filter*>(program.data())};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, 0, &filter) < 0) ::_exit(255);
    // Not by _exit(2)'s function: before one that never returns the address sanitizer makes calls of its own.
    ::syscall(SYS_exit_group, call() < 0 ? errno : 0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
template <typename Call>
int in_default(const SeccompSubject& subject, Call&& call) {
  return under(seccomp_program("default", subject, std::nullopt), call);
}
template <typename Call>
int in_strict(const SeccompSubject& subject, Call&& call) {
  return under(seccomp_program("strict", subject, std::nullopt), call);
}

auto calling(long number, long first = 0, long second = 0) {
  return [=] { return ::syscall(number, first, second, 0L, ~0L, 0L, 0L); };
}

TEST(Seccomp, DeniesWhatReachesTheHost_S8) {
  for (const long call : {SYS_kexec_load, SYS_open_by_handle_at, SYS_init_module, SYS_bpf, SYS_perf_event_open,
                          SYS_swapon, SYS_acct, SYS_settimeofday, SYS_clock_settime, SYS_quotactl, SYS_syslog})
    EXPECT_EQ(in_default(kSystem, calling(call, -1, -1)), EPERM) << call;
  for (const long call : {SYS_keyctl, SYS_add_key, SYS_request_key, SYS_io_uring_setup, SYS_userfaultfd})
    EXPECT_EQ(in_default(kSystem, calling(call, -1, -1)), ENOSYS)
        << call << ": as if the kernel had been built without";
  EXPECT_EQ(in_default(kSystem, [] { return ::getppid() > 0 ? 0L : -1L; }), 0);
}

TEST(Seccomp, NobodyTypesIntoATerminal) {
  for (const unsigned long request :
       {static_cast<unsigned long>(TIOCSTI), static_cast<unsigned long>(TIOCLINUX),
        static_cast<unsigned long>(TIOCCONS), TIOCSTI | (1UL << 32)})  // the kernel looks at 32 bits
    EXPECT_EQ(in_default(kSystem, [=] { return ::syscall(SYS_ioctl, -1, request, nullptr); }), EPERM) << request;
  EXPECT_EQ(in_default(kSystem, [] { return ::syscall(SYS_ioctl, -1, TIOCGWINSZ, nullptr); }), EBADF);
}

TEST(Seccomp, CallsThatNobodyKnowsYetAreAbsent) {
  for (const long call : {999, 457 /* statmount */, 458 /* listmount */, 467 /* open_tree_attr */})
    EXPECT_EQ(in_default(kSystem, calling(call)), ENOSYS) << call;
  EXPECT_EQ(in_default(kSystem, calling(SYS_clone3)), EINVAL) << "of the kernel, which was asked";
#ifdef SYS_openat2
  EXPECT_EQ(in_default(kSystem, calling(SYS_openat2, -1)), E2BIG);
#endif
}

TEST(Seccomp, ANamedCapabilityLiftsItsRules) {
  const auto handle = [] { return ::syscall(SYS_open_by_handle_at, -1, nullptr, 0); };
  EXPECT_NE(in_default(asking_for(CAP_DAC_READ_SEARCH), handle), EPERM);
  EXPECT_EQ(in_default(asking_for(CAP_DAC_READ_SEARCH), calling(SYS_kexec_load)), EPERM);
  for (const int capability : {CAP_BPF, CAP_SYS_ADMIN})
    EXPECT_NE(in_default(asking_for(capability), calling(SYS_bpf, -1)), EPERM);
  EXPECT_NE(in_default(asking_for(CAP_SYS_TIME), calling(SYS_clock_settime, -1, -1)), EPERM);
  EXPECT_NE(in_strict(asking_for(CAP_SYS_TIME), calling(SYS_clock_settime, -1, -1)), EPERM);
}

TEST(Seccomp, NobodyReconfiguresFileSystemsOfTheHost) {
  // A target that is not there tells the filter's no from the kernel's.
  const auto remount = [](unsigned long more) {
    return [more] { return ::mount("none", "/nonexistent", nullptr, MS_REMOUNT | more, nullptr); };
  };
  auto in_user_namespace = kSystem;
  in_user_namespace.user_namespace = true;
  EXPECT_EQ(in_default(kSystem, remount(MS_RDONLY)), EPERM);
  EXPECT_EQ(in_default(kSystem, remount(MS_BIND | MS_RDONLY)), ENOENT);
  EXPECT_EQ(in_default(in_user_namespace, remount(MS_RDONLY)), ENOENT) << "the kernel guards those of the host";
  EXPECT_EQ(in_default(asking_for(CAP_SYS_ADMIN), remount(MS_RDONLY)), ENOENT);
  EXPECT_EQ(in_default(kSystem, [] { return ::syscall(SYS_fspick, -1, "/nonexistent", 0); }), EPERM);
  for (const unsigned long request : {FIFREEZE, FITHAW, FITRIM, _IOR('X', 125, std::uint32_t)}) {
    const auto control = [=] { return ::syscall(SYS_ioctl, -1, request, nullptr); };
    EXPECT_EQ(in_default(kSystem, control), EPERM) << request;
    EXPECT_EQ(in_default(asking_for(CAP_SYS_ADMIN), control), EBADF) << request;
  }
  for (const unsigned long request : {LOOP_SET_FD, LOOP_CLR_FD, LOOP_CHANGE_FD, LOOP_CONFIGURE}) {
    const auto control = [=] { return ::syscall(SYS_ioctl, -1, request, nullptr); };
    EXPECT_EQ(in_default(in_user_namespace, control), EPERM) << request;
    EXPECT_EQ(in_default(asking_for(CAP_SYS_ADMIN), control), EBADF) << request;
  }
  const auto mark = [](unsigned flags) {
    return [flags] { return ::syscall(SYS_fanotify_mark, -1, flags, 0L, -1L, nullptr); };
  };
  EXPECT_EQ(in_default(kSystem, mark(FAN_MARK_ADD | FAN_MARK_FILESYSTEM)), EPERM);
  EXPECT_NE(in_default(kSystem, mark(FAN_MARK_ADD | FAN_MARK_MOUNT)), EPERM);
  const auto configure = [](long command) {
    return [command] { return ::syscall(SYS_fsconfig, -1, command, nullptr, nullptr, 0); };
  };
  EXPECT_EQ(in_default(kSystem, configure(7)), EPERM);
  EXPECT_NE(in_default(kSystem, configure(6)), EPERM);
}

TEST(Seccomp, WithoutSysAdminNoNamespacesAndMounts) {
  auto service = kSystem;
  service.kept = bit(CAP_CHOWN);
  const auto unshare = [](int flags) { return [flags] { return ::unshare(flags); }; };
  EXPECT_EQ(in_default(kSystem, unshare(CLONE_NEWUSER)), 0);
  EXPECT_EQ(in_default(service, unshare(CLONE_NEWUSER)), EPERM);
  EXPECT_EQ(in_default(service, unshare(CLONE_FS)), 0);
  EXPECT_EQ(in_default(service, [] { return ::mount("none", "/nonexistent", "tmpfs", 0, nullptr); }), EPERM);
  EXPECT_EQ(in_default(service, calling(SYS_clone, CLONE_NEWPID | CLONE_NEWUSER | SIGCHLD)), EPERM);
  EXPECT_EQ(in_default(service, calling(SYS_clone3)), ENOSYS) << "its flags cannot be seen: clone is taken then";
  EXPECT_EQ(in_default(service, [] { return ::fork() < 0 ? -1 : 0; }), 0);
}

TEST(Seccomp, StrictIsForSingleServices) {
  EXPECT_EQ(in_strict(kSystem, [] { return ::unshare(CLONE_NEWUSER); }), EPERM) << "kept, but not asked for";
  EXPECT_EQ(in_strict(asking_for(CAP_SYS_ADMIN), [] { return ::unshare(CLONE_NEWUSER); }), 0);
  EXPECT_EQ(in_strict(kSystem, calling(SYS_ptrace, 0)), EPERM);
  EXPECT_EQ(in_strict(kSystem, calling(SYS_process_vm_readv)), EPERM);
  EXPECT_EQ(in_strict(kSystem, [] { return ::fork() < 0 ? -1 : 0; }), 0);
}

#ifdef __x86_64__
long call_32bit(long number, long first = 0, long second = 0) {
  long result = number;
  asm volatile("int $0x80" : "+a"(result) : "b"(first), "c"(second), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
  if (result >= 0 || result < -4095) return result;
  errno = static_cast<int>(-result);
  return -1;
}

TEST(Seccomp, AnotherAbiIsNoWayAround) {
  constexpr long kGetPid = 20, kKexecLoad = 283, kKeyctl = 288, kIoctl = 54, kVm86 = 166, kX32 = 0x40000000;
  EXPECT_EQ(in_default(kSystem, [] { return call_32bit(kGetPid) > 0 ? 0 : -1; }), 0);
  EXPECT_EQ(in_default(kSystem, [] { return call_32bit(kKexecLoad); }), EPERM);
  EXPECT_EQ(in_default(kSystem, [] { return call_32bit(kKeyctl); }), ENOSYS);
  EXPECT_EQ(in_default(kSystem, [] { return call_32bit(kVm86); }), ENOSYS);
  EXPECT_EQ(in_default(kSystem, [] { return call_32bit(kIoctl, -1, TIOCSTI); }), EPERM);
  EXPECT_EQ(in_default(kSystem, [] { return call_32bit(999); }), ENOSYS);
  EXPECT_EQ(in_default(kSystem, calling(kX32 | SYS_getpid)), ENOSYS);
  EXPECT_EQ(in_default(kSystem, calling(kX32 | 528)), ENOSYS) << "kexec_load of x32";
  EXPECT_EQ(in_default(kSystem, calling(528)), ENOSYS);
  EXPECT_EQ(in_strict(kSystem, [] { return call_32bit(kGetPid) > 0 ? 0 : -1; }), ENOSYS);
  auto of_32bit = kSystem;
  of_32bit.of_32bit = true;
  EXPECT_EQ(in_strict(of_32bit, [] { return call_32bit(kGetPid) > 0 ? 0 : -1; }), 0);
}
#endif

TEST(Seccomp, CompiledOnceForTheSameContent) {
  EXPECT_EQ(seccomp_program("default", kSystem, std::nullopt), seccomp_program("default", kSystem, std::nullopt));
  EXPECT_NE(seccomp_program("default", kSystem, std::nullopt), seccomp_program("strict", kSystem, std::nullopt));
  EXPECT_NE(seccomp_program("default", kSystem, std::nullopt),
            seccomp_program("default", asking_for(CAP_BPF), std::nullopt));
  EXPECT_EQ(seccomp_program("unconfined", kSystem, std::nullopt), "");
}

/// A list of what is allowed, in the runtime specification's form; `more` are further rules.
std::string list_of_allowed(const std::string& more, const std::string& top = "") {
  return R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 13,)" + top + R"(
    "syscalls": [{"names": ["capget", "capset", "prctl", "recvmsg", "rt_sigprocmask", "sendmsg", "execve",
                            "exit_group", "exit", "seccomp", "no_such_call_at_all", "write"], "action": "SCMP_ACT_ALLOW"})" +
         more + "]}";
}

template <typename Call>
int in_file(const std::string& text, Call&& call, const SeccompSubject& subject = kSystem) {
  return under(seccomp_program("/p.json", subject, SeccompFile{text}), call);
}

TEST(SeccompProfile, ActionsErrorsAndConditions) {
  const std::string text = list_of_allowed(R"(,
    {"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7},
    {"name": "getuid", "action": "SCMP_ACT_KILL_PROCESS", "comment": "the form of old profiles"},
    {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": 4294967295, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
    {"names": ["lseek"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": 5, "op": "SCMP_CMP_GT"},
              {"index": 2, "value": 2, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}]})");
  EXPECT_EQ(in_file(text, calling(SYS_getpid)), 13) << "by default";
  EXPECT_EQ(in_file(text, calling(SYS_getppid)), 7);
  EXPECT_EQ(in_file(text, calling(SYS_getuid)), -SIGSYS);
  EXPECT_EQ(in_file(text, calling(SYS_personality, 0xFFFFFFFF)), 0) << "either of two for one argument";
  EXPECT_EQ(in_file(text, calling(SYS_personality, 8)), 0);
  EXPECT_EQ(in_file(text, calling(SYS_personality, 0)), 13);
  EXPECT_EQ(in_file(text, [] { return ::syscall(SYS_lseek, 999L, 0L, 2L); }), EBADF) << "both of two arguments";
  EXPECT_EQ(in_file(text, [] { return ::syscall(SYS_lseek, 999L, 0L, 0L); }), 13);
  EXPECT_EQ(in_file(text, [] { return ::syscall(SYS_lseek, 1L, 0L, 2L); }), 13);
}

TEST(SeccompProfile, NewerCallsThanAListKnowsAreAbsent) {
  EXPECT_EQ(in_file(list_of_allowed(R"(,{"names": ["faccessat2"], "action": "SCMP_ACT_ALLOW"})"), calling(999)),
            ENOSYS);
  EXPECT_EQ(in_file(R"({"defaultAction": "SCMP_ACT_ALLOW",
                        "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errno": "ENOTTY"}]})",
                    calling(SYS_getppid)),
            ENOTTY)
      << "what the default is to allow needs no names; errors have some, as Podman writes them";
}

TEST(SeccompProfile, RulesByCapabilityArchitectureAndKernel) {
#ifdef __x86_64__
  const std::string own = "amd64";
#else
  const std::string own = "arm64";
#endif
  const std::string text = list_of_allowed(R"(,
    {"names": ["getppid"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_MODULE"]}, "excludes": {}},
    {"names": ["getuid"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": [")" +
                                           own + R"("], "minKernel": "4.8"}},
    {"names": ["geteuid"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "99.0"}},
    {"names": ["getgid"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_CHOWN"]}},
    {"names": ["getegid"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390x"]}})");
  EXPECT_EQ(in_file(text, calling(SYS_getppid)), 13);
  EXPECT_EQ(in_file(text, calling(SYS_getppid), asking_for(CAP_SYS_MODULE)), 0);
  EXPECT_EQ(in_file(text, calling(SYS_getuid)), 0);
  EXPECT_EQ(in_file(text, calling(SYS_geteuid)), 13);
  EXPECT_EQ(in_file(text, calling(SYS_getgid)), 13);
  EXPECT_EQ(in_file(text, calling(SYS_getegid)), 13);
}

#ifdef __x86_64__
TEST(SeccompProfile, OtherAbisOnlyWhereTheProfileNamesThem) {
  const std::string allow = R"(,{"names": ["getpid"], "action": "SCMP_ACT_ALLOW"})";
  const auto getpid = [] { return call_32bit(20) > 0 ? 0 : -1; };
  EXPECT_EQ(in_file(list_of_allowed(allow), getpid), -SIGSYS);
  EXPECT_EQ(in_file(list_of_allowed(allow, R"("architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],)"), getpid), 0);
  const char* map = R"("archMap": [{"architecture": "SCMP_ARCH_X86_64",
                                    "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}],)";
  EXPECT_EQ(in_file(list_of_allowed(allow, map), getpid), 0);
  EXPECT_NE(in_file(list_of_allowed(allow, map), calling(0x40000000 | SYS_getpid)), 0);
}
#endif

std::string refusal(const std::string& text) {
  try {
    seccomp_program("/p.json", kSystem, SeccompFile{text});
  } catch (const base::Error& error) {
    return error.detail();
  }
  ADD_FAILURE() << "not refused: " << text;
  return "";
}

TEST(SeccompProfile, ErrorsNameTheFileAndThePlace) {
  const auto rule = [](const std::string& text) {
    return R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [)" + text + "]}";
  };
  const std::pair<std::string, const char*> wrong[] = {
      {"{\n  \"a\": }", "'/p.json': line 2"},
      {"[]", "object is needed"},
      {"{}", "defaultAction"},
      {R"({"defaultAction": "SCMP_ACT_NOTIFY"})", "unsupported action 'SCMP_ACT_NOTIFY'"},
      {R"({"defaultAction": "SCMP_ACT_ERRNO"})", "does not allow 'capget'"},
      {R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5000})", "defaultErrnoRet"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_VAX"]})", "'SCMP_ARCH_VAX'"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"]})", "SECCOMP_FILTER_FLAG_LOG"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/x"})", "listenerPath"},
      {rule(R"({"action": "SCMP_ACT_KILL"})"), "syscalls[0].names"},
      {rule(R"({"names": ["read"], "action": "KILL"})"), "syscalls[0].action = \"KILL\""},
      {rule(R"({"names": ["read"], "action": "SCMP_ACT_KILL", "arg": [1]})"), "syscalls[0].arg"},
      {rule(R"({"names": "read", "action": "SCMP_ACT_KILL"})"), "syscalls[0].names"},
      {rule(
           R"({"names": ["read"], "action": "SCMP_ACT_KILL", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]})"),
       "syscalls[0].args[0].index = 6"},
      {rule(R"({"names": ["read"], "action": "SCMP_ACT_KILL", "args": [{"index": 1, "value": 0, "op": "="}]})"),
       "syscalls[0].args[0].op"},
      {rule(R"({"names": ["read"], "action": "SCMP_ACT_KILL",
               "args": [{"index": 1, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]})"),
       "too large"},
      {rule(R"({"names": ["read"], "action": "SCMP_ACT_KILL"}, {"names": ["read"], "action": "SCMP_ACT_LOG"})"),
       "two different actions for 'read'"},
  };
  for (const auto& [text, place] : wrong) {
    EXPECT_THAT(refusal(text), HasSubstr(place)) << text;
    EXPECT_THAT(refusal(text), HasSubstr("seccomp profile '/p.json': ")) << text;
  }
}

TEST(SeccompProfile, AFileThatCannotBeReadIsNamed) {
  domain_xml::DomainDefinition definition;
  EXPECT_FALSE(read_seccomp_file(definition));
  const auto error_for = [&](const std::string& path) {
    definition.extension.seccomp = path;
    const auto file = read_seccomp_file(definition);
    return file ? file->error : -1;
  };
  EXPECT_EQ(error_for("/no/such.json"), ENOENT);
  EXPECT_EQ(error_for("/dev/zero"), EINVAL);
  EXPECT_EQ(error_for("/proc"), EINVAL);
  EXPECT_EQ(error_for("/etc/passwd"), 0);
  EXPECT_THROW(seccomp_program("/x", kSystem, SeccompFile{"", EFBIG}), base::Error);
}

}  // namespace
}  // namespace container
