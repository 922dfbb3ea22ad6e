#include "container/seccomp_filter.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <map>
#include <memory>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace container {
namespace {

// Above all numbers of arm's calls, its own private ones (cacheflush, set_tls), which programs cannot do without.
constexpr std::uint32_t kArmPrivate = 0xF0000, kArmPrivateEnd = 0xF0800;

void check(int result, const char* what) {
  if (result < 0)
    base::fail_errno_value(-result, base::Code::InternalError, "cannot make the system call filter: ", what);
}

struct Release {
  void operator()(void* filter) const noexcept { seccomp_release(filter); }
};
using Owner = std::unique_ptr<void, Release>;

void add_rule(scmp_filter_ctx filter, const SeccompRule& rule) {
  const int number = seccomp_syscall_resolve_name(rule.call.c_str());
  if (number == __NR_SCMP_ERROR) return;  // libseccomp is older than the call
  const int result = seccomp_rule_add_array(filter, rule.action, number, static_cast<unsigned>(rule.conditions.size()),
                                            rule.conditions.data());
  if (result == -EDOM || result == -EFAULT) return;  // no such call on one of the architectures
  check(result, rule.call.c_str());
}

/// libseccomp would take one of them.
void require_agreement(const std::vector<SeccompRule>& rules) {
  std::map<std::string, std::uint32_t> actions;
  for (const auto& rule : rules) {
    if (!rule.conditions.empty()) continue;
    const auto [known, fresh] = actions.emplace(rule.call, rule.action);
    if (!fresh && known->second != rule.action)
      base::fail(base::Code::ConfigUnsupported, "two different actions for '", rule.call, "'");
  }
}

/// Runs before what libseccomp makes, whose jumps are all relative.
std::string refuse_newer(std::uint32_t newest) {
  constexpr std::uint32_t kNumber = offsetof(seccomp_data, nr), kArch = offsetof(seccomp_data, arch);
  const sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
                              BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest, 0, 5),
                              BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kArmPrivate, 0, 3),
                              BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kArmPrivateEnd, 2, 0),
                              BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kArch),
                              BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_ARM, 1, 0),
                              BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)};
  return {reinterpret_cast<const char*>(code), sizeof code};
}

std::string export_program(scmp_filter_ctx filter) {
  const base::Fd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) base::fail_errno(base::Code::SystemError, "cannot make a memory file");
  check(seccomp_export_bpf(filter, file.get()), "export");
  if (::lseek(file.get(), 0, SEEK_SET) < 0)
    base::fail_errno(base::Code::SystemError, "cannot read the system call filter");
  return base::read_all(file.get());
}

}  // namespace

std::uint32_t sibling_architecture() {
  switch (seccomp_arch_native()) {
    case SCMP_ARCH_X86_64:
      return SCMP_ARCH_X86;
    case SCMP_ARCH_AARCH64:
      return SCMP_ARCH_ARM;
    default:
      return 0;
  }
}

std::string compile_seccomp(const SeccompFilter& filter) {
  require_agreement(filter.rules);
  const Owner compiled(seccomp_init(filter.default_action));
  if (!compiled) base::fail(base::Code::NoMemory, "cannot make the system call filter");
  check(seccomp_attr_set(compiled.get(), SCMP_FLTATR_ACT_BADARCH, filter.other_abi_action), "other architectures");
  check(seccomp_attr_set(compiled.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "binary tree");
  if (const auto sibling = sibling_architecture(); filter.sibling_abi && sibling != 0)
    check(seccomp_arch_add(compiled.get(), sibling), "architecture");
  for (const auto& rule : filter.rules)
    if (rule.action != filter.default_action) add_rule(compiled.get(), rule);
  auto program = export_program(compiled.get());
  if (filter.newest_call != UINT32_MAX) program.insert(0, refuse_newer(filter.newest_call));
  if (const auto size = program.size() / sizeof(sock_filter); size > BPF_MAXINSNS)
    base::fail(base::Code::ConfigUnsupported, "its program has ", size, " instructions, more than ", BPF_MAXINSNS);
  return program;
}

}  // namespace container
