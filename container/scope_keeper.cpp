#include "container/scope_keeper.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <chrono>
#include <map>
#include <mutex>

#include "cgroup/systemd.hpp"
#include "container/spawn.hpp"

namespace container {
namespace {

constexpr const char* kLeaf = "keeper";
constexpr std::chrono::seconds kLinger{5};

}  // namespace

ScopeKeeper::ScopeKeeper(cgroup::ScopePlace place, const std::string& supervisor_path) : place_(std::move(place)) {
  auto [ours, theirs] = base::socket_pair(SOCK_SEQPACKET);
  control_ = std::move(ours);
  const base::Fd log = base::open_file("/dev/null", O_WRONLY);
  process_ =
      spawn_supervisor({.program = supervisor_path, .name = place_.scope, .control = theirs.get(), .log = log.get()});
  try {
    cgroup::join_scope(place_, kLeaf, process_.pid());
  } catch (...) {
    control_.reset();
    end_supervisor(process_);
    throw;
  }
}

ScopeKeeper::~ScopeKeeper() {
  control_.reset();
  end_supervisor(process_);
  cgroup::leave_scope(place_, kLeaf);
}

struct ScopeKeepers::State : std::enable_shared_from_this<State> {
  struct Entry {
    std::unique_ptr<ScopeKeeper> keeper;
    int users = 0;
    base::Watch end;  // loop thread
  };

  State(base::EventLoop& event_loop, std::string path) : loop(event_loop), supervisor_path(std::move(path)) {}
  Use hold(const cgroup::ScopePlace& place);
  bool use(const std::string& scope);
  void release(const std::string& scope);
  void end_later(const std::string& scope);
  void end_now(const std::string& scope);

  base::EventLoop& loop;
  const std::string supervisor_path;
  std::mutex making;  // held while systemd is asked, and so never by the loop
  std::mutex mutex;
  std::map<std::string, Entry> entries;
  bool closed = false;  // containers outlive the launcher, and the loop, when the daemon ends
};

ScopeKeepers::Use ScopeKeepers::State::hold(const cgroup::ScopePlace& place) {
  if (!use(place.scope)) {
    const std::lock_guard one_at_a_time(making);
    if (!use(place.scope)) {
      auto keeper = std::make_unique<ScopeKeeper>(place, supervisor_path);
      const std::lock_guard lock(mutex);
      auto& entry = entries[place.scope];
      entry.keeper.swap(keeper);  // a dead one ends in the destructor below
      ++entry.users;
    }
  }
  return {nullptr, [self = shared_from_this(), scope = place.scope](void*) { self->release(scope); }};
}

/// False if there is nobody to keep the scope.
bool ScopeKeepers::State::use(const std::string& scope) {
  const std::lock_guard lock(mutex);
  auto& entry = entries[scope];
  if (!entry.keeper || !entry.keeper->alive()) return false;
  ++entry.users;
  return true;
}

void ScopeKeepers::State::release(const std::string& scope) {
  const std::lock_guard lock(mutex);
  if (--entries[scope].users > 0 || closed) return;
  loop.post([weak = weak_from_this(), scope] {
    if (const auto state = weak.lock()) state->end_later(scope);
  });
}

void ScopeKeepers::State::end_later(const std::string& scope) {
  const std::lock_guard lock(mutex);
  entries[scope].end = loop.after(kLinger, [this, scope] { end_now(scope); });
}

void ScopeKeepers::State::end_now(const std::string& scope) {
  const std::lock_guard lock(mutex);
  auto& entry = entries[scope];
  if (entry.users == 0) entry.keeper.reset();
}

ScopeKeepers::ScopeKeepers(base::EventLoop& loop, std::string supervisor_path)
    : state_(std::make_shared<State>(loop, std::move(supervisor_path))) {}

ScopeKeepers::~ScopeKeepers() {
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
  for (auto& [scope, entry] : state_->entries) {
    entry.end = {};
    entry.keeper.reset();
  }
}

ScopeKeepers::Use ScopeKeepers::hold(const cgroup::ScopePlace& place) {
  return state_->hold(place);
}

}  // namespace container
