#include "container/seccomp.hpp"

#include <seccomp.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace container {
namespace {

struct Denied {
  int capability;  // the one that lifts the rule; -1: none does
  std::initializer_list<const char*> calls;
};

const std::initializer_list<Denied> kDenied = {
    {CAP_SYS_MODULE,
     {"init_module", "finit_module", "delete_module", "create_module", "get_kernel_syms", "query_module"}},
    {CAP_SYS_BOOT, {"kexec_load", "kexec_file_load"}},  // reboot(2) stays: it is the container's own
    {CAP_SYS_RAWIO, {"iopl", "ioperm"}},
    {CAP_SYSLOG, {"syslog"}},  // the host's kernel log, which can be cleared too
    {CAP_SYS_PACCT, {"acct"}},
    {CAP_DAC_READ_SEARCH, {"open_by_handle_at"}},  // handles are guessable and reach outside the root
    {CAP_SYS_ADMIN, {"bpf", "perf_event_open", "swapon", "swapoff", "quotactl", "quotactl_fd", "lookup_dcookie"}},
    {-1, {"add_key", "keyctl", "request_key"}},  // keyrings belong to users of the host
    {-1, {"userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"}},
    {-1, {"nfsservctl", "uselib", "_sysctl", "vm86", "vm86old", "sysfs"}},
};

void check(int result, const char* what) {
  if (result < 0)
    base::fail_errno_value(-result, base::Code::InternalError, "cannot make the system call filter: ", what);
}

struct Release {
  void operator()(void* filter) const noexcept { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

/// Programs of the host's 32-bit sibling run too, under the same rules.
void add_sibling_arch(scmp_filter_ctx filter) {
  std::uint32_t sibling = 0;
  switch (seccomp_arch_native()) {
    case SCMP_ARCH_X86_64:
      sibling = SCMP_ARCH_X86;
      break;
    case SCMP_ARCH_AARCH64:
      sibling = SCMP_ARCH_ARM;
      break;
    default:
      return;
  }
  check(seccomp_arch_add(filter, sibling), "architecture");
}

void deny(scmp_filter_ctx filter, const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return;  // libseccomp is older than the call
  const int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
  if (result != -EDOM && result != -EFAULT) check(result, name);  // no such call on this architecture
}

/// A file system as a whole, not one mount of it.
void deny_reconfiguring(scmp_filter_ctx filter) {
  deny(filter, "fspick");
  const auto remount = SCMP_A3(SCMP_CMP_MASKED_EQ, MS_REMOUNT | MS_BIND, MS_REMOUNT);
  check(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mount), 1, remount), "mount");
}

struct Variant {
  std::uint64_t lifted = 0;
  bool reconfiguring = false;
  auto operator<=>(const Variant&) const = default;
};

std::string compile(const Variant& variant) {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW));
  if (!filter) base::fail(base::Code::NoMemory, "cannot make the system call filter");
  // Other architectures than the two of this machine (x32) would get past rules by number.
  check(seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)), "other architectures");
  check(seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "binary tree");
  add_sibling_arch(filter.get());
  for (const auto& group : kDenied) {
    if (group.capability >= 0 && (variant.lifted >> group.capability & 1)) continue;
    for (const char* call : group.calls) deny(filter.get(), call);
  }
  if (!variant.reconfiguring) deny_reconfiguring(filter.get());
  const base::Fd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) base::fail_errno(base::Code::SystemError, "cannot make a memory file");
  check(seccomp_export_bpf(filter.get(), file.get()), "export");
  if (::lseek(file.get(), 0, SEEK_SET) < 0)
    base::fail_errno(base::Code::SystemError, "cannot read the system call filter");
  return base::read_all(file.get());
}

std::uint64_t lifting_capabilities() {
  std::uint64_t bits = 0;
  for (const auto& group : kDenied)
    if (group.capability >= 0) bits |= std::uint64_t{1} << group.capability;
  return bits;
}

}  // namespace

std::string seccomp_program(std::uint64_t asked_for, bool user_namespace) {
  static std::mutex mutex;
  static std::map<Variant, std::string> compiled;
  const bool administrator = (asked_for >> CAP_SYS_ADMIN & 1) != 0;
  const Variant variant{asked_for & lifting_capabilities(), user_namespace || administrator};
  const std::scoped_lock lock(mutex);
  auto& program = compiled[variant];
  if (program.empty()) program = compile(variant);
  return program;
}

}  // namespace container
