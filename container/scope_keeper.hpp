// Keeps the delegated scope of a partition while a daemon has containers there: systemd removes a scope, and what is
// being made in it, as soon as no process is in it.
#pragma once

#include <memory>
#include <string>

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "base/pid_fd.hpp"
#include "cgroup/scope_place.hpp"

namespace container {

/// Owner of one process in the scope: a supervisor that waits for orders which never come, and ends when its daemon
/// does.
class ScopeKeeper {
 public:
  /// Throws SystemError.
  ScopeKeeper(cgroup::ScopePlace place, const std::string& supervisor_path);
  ~ScopeKeeper();
  ScopeKeeper(const ScopeKeeper&) = delete;
  ScopeKeeper& operator=(const ScopeKeeper&) = delete;

  /// False if somebody has stopped the scope.
  bool alive() const { return !process_.wait_exit(0); }

 private:
  cgroup::ScopePlace place_;
  base::Fd control_;
  base::PidFd process_;
};

/// The keepers of one daemon, by scope. Any thread; destroyed on the loop's.
class ScopeKeepers {
 public:
  /// The scope exists while somebody has one.
  using Use = std::shared_ptr<void>;

  ScopeKeepers(base::EventLoop& loop, std::string supervisor_path);
  ~ScopeKeepers();
  /// Only the first user of a scope has to wait for systemd. The scope stays a little longer than the last, for the
  /// sake of one container that is started again and again. Throws SystemError.
  Use hold(const cgroup::ScopePlace& place);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace container
