// Every system call of a daemon, of the supervisors it starts and of their inits, held until this program has decided:
// go on, fail with an error, or die right there by SIGKILL. seccomp(2)'s user notification does that with nothing
// compiled into the programs under test, so what is tested is what is shipped, and every call is a fault point.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "soak/faults/system_call.hpp"

namespace faults {

struct Fault {
  Role role = Role::Worker;
  int index = 0;  // of the role's calls that changes_something() (a kill) or may_fail() (an error)
  int error = 0;  // 0: its process is killed
  int call = -1;  // only this system call counts
};

class Tracer {
 public:
  Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;
  ~Tracer();

  /// What goes before the words of a command to have it traced, and everything it starts (see enter()).
  std::vector<std::string> entrance() const;

  /// One fault, from now on.
  void arm(const Fault& fault);
  /// Whether it has happened.
  bool hit() const;
  /// No fault from now on. What was hit; nullopt when the role has made no such call.
  std::optional<std::string> disarm();
  /// `see` is told every call of the daemon's own threads before it happens; nullptr ends that.
  void watch(std::function<void(const SystemCall&)> see);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The other side of entrance(): called first in main(), it becomes the traced command when the words ask for that.
void enter(int count, char** words);

}  // namespace faults
