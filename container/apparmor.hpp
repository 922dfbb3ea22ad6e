// AppArmor's policy in the kernel (apparmor(7), securityfs): whether there is any, and the profiles of containers. The
// big one, container/apparmor/lxcell-container, is shared by all and loaded once. The one each domain has of its own
// says only that its processes may touch none but their own; it compiles in some 3 ms, once in a daemon's life.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "base/uuid.hpp"

namespace container {

class AppArmor {
 public:
  /// `shared_profile`: the file with the profile lxcell-container.
  explicit AppArmor(std::string shared_profile) : shared_profile_(std::move(shared_profile)) {}

  /// True where the running kernel enforces AppArmor policy.
  static bool enabled();

  /// Loads the shared profile unless it is loaded. Empty if it then is, else why not: no apparmor_parser, no such file,
  /// what the parser says.
  std::string prepare();

  /// Makes and loads the profile `name`, for processes with `label`, the stack it is part of. Throws SystemError. Any
  /// thread.
  void load(const std::string& name, const std::string& label);
  /// Removes it from the kernel; what is not there is fine. Logs what cannot be removed.
  static void unload(const std::string& name) noexcept;
  /// The text of such a profile.
  static std::string profile_text(const std::string& name, const std::string& label);

 private:
  const std::string shared_profile_;
  std::mutex mutex_;  // of `compiled_`, `prepared_`
  bool prepared_ = false;
  std::map<std::string, std::string> compiled_;  // by name, some 4 KiB each
};

}  // namespace container
