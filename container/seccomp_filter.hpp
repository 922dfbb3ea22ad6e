// A system call filter as values, and compiled with libseccomp. It covers this machine's own ABI and those named; calls
// of any other one (x32 among them, always) are refused.
#pragma once

#include <seccomp.h>

#include <cstdint>
#include <string>
#include <vector>

namespace container {

struct SeccompRule {
  std::string call;                      // a name; one that libseccomp does not know is left out
  std::uint32_t action = SCMP_ACT_KILL;  // SCMP_ACT_*
  std::vector<scmp_arg_cmp> conditions;  // all of them must hold
};

struct SeccompFilter {
  std::uint32_t default_action = SCMP_ACT_ALLOW;
  std::uint32_t other_abi_action = SCMP_ACT_KILL_PROCESS;
  bool sibling_abi = false;  // the 32-bit one of this machine (i386, arm) is covered too
  // Calls with a higher number are newer than whoever wrote the rules, and get ENOSYS, which software is prepared for:
  // an EPERM would break programs that try the new call first.
  std::uint32_t newest_call = UINT32_MAX;
  std::vector<SeccompRule> rules;
};

/// This machine's 32-bit sibling, 0 if it has none.
std::uint32_t sibling_architecture();
/// struct sock_filter[] as bytes. Throws ConfigUnsupported naming the call for rules that contradict each other.
std::string compile_seccomp(const SeccompFilter& filter);

}  // namespace container
