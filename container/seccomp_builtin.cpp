#include "container/seccomp_builtin.hpp"

#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <cerrno>
#include <initializer_list>

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace container {
namespace {

using Calls = std::initializer_list<const char*>;

/// futex_requeue of Linux 6.7; from 424 on, all architectures count alike. What follows tells of the host's mounts
/// (listmount) or can mount (open_tree_attr), and libseccomp has no names for it yet to go by capabilities.
constexpr std::uint32_t kNewestCall = 456;
/// FSCONFIG_CMD_RECONFIGURE, an enumerator that not every C library's headers have.
constexpr std::uint64_t kReconfigure = 7;
/// FS_IOC_SHUTDOWN, which ext4, xfs and others share: _IOR('X', 125, __u32).
constexpr std::uint64_t kShutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint64_t kNewNamespaces[] = {CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,    CLONE_NEWUSER,
                                            CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP, CLONE_NEWTIME};

/// The kernel knows of no namespaces here, or asks only for the capability in the host's: refused with what an
/// unprivileged process gets, unless one of `capabilities` was asked for.
struct Privileged {
  std::initializer_list<int> capabilities;
  Calls calls;
};
const std::initializer_list<Privileged> kPrivileged = {
    {{CAP_SYS_MODULE}, {"init_module", "finit_module", "delete_module"}},
    {{CAP_SYS_BOOT}, {"kexec_load", "kexec_file_load"}},  // reboot(2) stays: it is the container's own
    {{CAP_SYS_RAWIO}, {"iopl", "ioperm", "pciconfig_read", "pciconfig_write", "pciconfig_iobase"}},
    {{CAP_SYS_TIME}, {"settimeofday", "clock_settime", "clock_settime64", "stime"}},
    {{CAP_SYSLOG}, {"syslog"}},  // the host's kernel log, which can be cleared too
    {{CAP_SYS_PACCT}, {"acct"}},
    {{CAP_DAC_READ_SEARCH}, {"open_by_handle_at"}},  // handles are guessable and reach outside the root
    {{CAP_SYS_ADMIN}, {"swapon", "swapoff", "quotactl", "quotactl_fd"}},
    {{CAP_BPF, CAP_SYS_ADMIN}, {"bpf"}},
    {{CAP_PERFMON, CAP_SYS_ADMIN}, {"perf_event_open"}},
};

/// Without namespaces and without a capability to go by, obsolete, or a large part of the kernel for few users: as if
/// the kernel had been built without, which software is prepared for.
const Calls kAbsent = {
    "add_key",           "keyctl",        "request_key",     "userfaultfd",  "io_uring_setup", "io_uring_enter",
    "io_uring_register", "create_module", "get_kernel_syms", "query_module", "nfsservctl",     "uselib",
    "_sysctl",           "vm86",          "vm86old",         "sysfs",        "lookup_dcookie"};

const Calls kMounting = {"mount",  "umount",   "umount2", "pivot_root", "open_tree",     "open_tree_attr", "move_mount",
                         "fsopen", "fsconfig", "fsmount", "fspick",     "mount_setattr", "setns"};

const Calls kOthersMemory = {
    "ptrace",      "process_vm_readv", "process_vm_writev", "process_madvise",   "process_mrelease", "kcmp",
    "pidfd_getfd", "move_pages",       "migrate_pages",     "name_to_handle_at", "fanotify_init",    "modify_ldt",
    "vhangup"};

constexpr std::uint32_t refusal(int error) {
  return SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error));
}

bool has(std::uint64_t set, int capability) {
  return (set >> capability & 1) != 0;
}

class Rules {
 public:
  void refuse(const Calls& calls, int error) {
    for (const char* call : calls) list_.push_back({call, refusal(error), {}});
  }
  /// All bits of `mask` in the argument that are in `value`, and no others.
  void refuse_if(const char* call, unsigned argument, std::uint64_t mask, std::uint64_t value) {
    list_.push_back({call, refusal(EPERM), {scmp_arg_cmp{argument, SCMP_CMP_MASKED_EQ, mask, value}}});
  }
  std::vector<SeccompRule> take() { return std::move(list_); }

 private:
  std::vector<SeccompRule> list_;
};

/// A file system as a whole, not one mount of it: those bound into the container are the host's.
void refuse_reconfiguring(Rules& rules) {
  for (const std::uint64_t request : {std::uint64_t{FIFREEZE}, std::uint64_t{FITHAW}, std::uint64_t{FITRIM}, kShutdown})
    rules.refuse_if("ioctl", 1, UINT32_MAX, request);
  rules.refuse_if("fanotify_mark", 1, FAN_MARK_FILESYSTEM, FAN_MARK_FILESYSTEM);
  rules.refuse({"fspick"}, EPERM);
  rules.refuse_if("fsconfig", 1, UINT32_MAX, kReconfigure);
  rules.refuse_if("mount", 3, MS_REMOUNT | MS_BIND, MS_REMOUNT);
}

/// A disk of the container's may be a loop device: let go of, it would be the next comer's and still within reach.
void refuse_other_files(Rules& rules) {
  for (const std::uint64_t request : {LOOP_SET_FD, LOOP_CLR_FD, LOOP_CHANGE_FD, LOOP_CONFIGURE})
    rules.refuse_if("ioctl", 1, UINT32_MAX, request);
}

/// User namespaces as well, within which one could mount again. clone3's flags are in memory, where a filter does not
/// see them; who gets ENOSYS takes clone.
void refuse_namespaces(Rules& rules) {
  rules.refuse(kMounting, EPERM);
  rules.refuse({"clone3"}, ENOSYS);
  for (const auto bit : kNewNamespaces) {
    if (bit != CLONE_NEWTIME) rules.refuse_if("clone", 0, bit, bit);  // there the bits are the exit signal's
    rules.refuse_if("unshare", 0, bit, bit);
  }
}

void refuse_privileged(Rules& rules, std::uint64_t asked_for) {
  for (const auto& group : kPrivileged) {
    bool lifted = false;
    for (const int capability : group.capabilities) lifted = lifted || has(asked_for, capability);
    if (!lifted) rules.refuse(group.calls, EPERM);
  }
}

SeccompFilter built_in(Rules& rules, const SeccompSubject& subject, std::uint64_t may_mount) {
  refuse_privileged(rules, subject.asked_for);
  rules.refuse(kAbsent, ENOSYS);
  // Of no network namespace: it leads to the machine's hypervisor. (i386's socketcall hides it in memory.)
  rules.refuse_if("socket", 0, UINT32_MAX, AF_VSOCK);
  // Typing into a terminal somebody else will read from.
  rules.refuse_if("ioctl", 1, UINT32_MAX, TIOCSTI);
  rules.refuse_if("ioctl", 1, UINT32_MAX, TIOCLINUX);
  if (!has(subject.asked_for, CAP_SYS_ADMIN)) rules.refuse_if("ioctl", 1, UINT32_MAX, TIOCCONS);  // the host's console
  if (!has(subject.asked_for, CAP_SYS_ADMIN)) refuse_other_files(rules);
  if (!has(may_mount, CAP_SYS_ADMIN))
    refuse_namespaces(rules);
  else if (!subject.user_namespace && !has(subject.asked_for, CAP_SYS_ADMIN))
    refuse_reconfiguring(rules);
  return {.default_action = SCMP_ACT_ALLOW,
          .other_abi_action = refusal(ENOSYS),
          .sibling_abi = true,
          .newest_call = kNewestCall,
          .rules = rules.take()};
}

}  // namespace

SeccompFilter default_seccomp(const SeccompSubject& subject) {
  Rules rules;
  return built_in(rules, subject, subject.kept);
}

SeccompFilter strict_seccomp(const SeccompSubject& subject) {
  Rules rules;
  rules.refuse(kOthersMemory, EPERM);
  auto filter = built_in(rules, subject, subject.asked_for);
  filter.sibling_abi = subject.of_32bit;
  return filter;
}

}  // namespace container
