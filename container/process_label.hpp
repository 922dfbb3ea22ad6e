// The security label of a process (proc(5), /proc/PID/attr).
#pragma once

#include <sys/types.h>

#include <string>

namespace container {

struct ProcessLabel {
  std::string label;  // empty where nothing is enforced
  bool enforcing = false;
  bool operator==(const ProcessLabel&) const = default;
};

/// `model`: "none", "apparmor" or "selinux". Throws SystemError.
ProcessLabel read_process_label(pid_t pid, const std::string& model);
/// "PROFILE (enforce)", "unconfined".
ProcessLabel parse_apparmor_label(std::string text);

}  // namespace container
