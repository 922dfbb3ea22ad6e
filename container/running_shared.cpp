#include "container/running_shared.hpp"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdint>

#include "base/fd.hpp"

namespace container {
namespace {

constexpr std::chrono::milliseconds kWatchAgain{100};

}  // namespace

/// Takes what the supervisor has sent. Both the loop and a worker in a hurry do this; `mutex` is held.
void SupervisedContainer::Shared::pump() {
  const bool over = parts.supervisor.wait_exit(0);  // asked first: what it said before it ended is there by now
  while (!hung_up) {
    const auto message = parts.control.receive_now();
    if (message.kind == ControlMessage::Kind::Nothing) break;
    if (message.kind == ControlMessage::Kind::HangUp)
      hung_up = true;  // alone no end: a newer daemon may have taken over
    if (message.kind == ControlMessage::Kind::Packet && message.type == protocol::Type::Exited && !parts.exit)
      end_with(exit_record(message.status.wait_status));
  }
  if (over && !parts.exit) lose_supervisor();
  deliver();
}

/// On the loop.
void SupervisedContainer::Shared::on_event() {
  const std::scoped_lock lock(mutex);
  pump();
  if (hung_up) control_watch = {};
  if (parts.exit) supervisor_watch = {};
  if (parts.exit) oom_watch.reset();
}

void SupervisedContainer::Shared::lose_supervisor() {
  base::log::warning("domain '{}': supervisor {} ended unexpectedly, its container is killed", parts.name,
                     parts.facts.supervisor_pid);
  logged(parts.name, "killing it", [&] {
    if (parts.init) parts.init.signal(SIGKILL);
    if (parts.group) parts.group->kill();
  });
  end_with({ExitCause::SupervisorLost, 0});
}

void SupervisedContainer::Shared::end_with(ExitRecord record) {
  parts.exit = record;
  const std::uint64_t one = 1;
  base::write_all(parts.ended.get(), &one, sizeof one, "eventfd");
}

/// SIGKILL is also what an administrator sends; only the kernel counts those it has sent itself.
void SupervisedContainer::Shared::find_cause() {
  if (!oom || parts.exit->cause != ExitCause::Exited || !WIFSIGNALED(parts.exit->wait_status)) return;
  if (WTERMSIG(parts.exit->wait_status) == SIGKILL && oom->tell_at_end()) parts.exit->cause = ExitCause::OutOfMemory;
}

void SupervisedContainer::Shared::deliver() {
  if (!parts.exit || !call) return;
  find_cause();
  loop.post([report = std::exchange(call, nullptr), record = *parts.exit] { report(record); });
}

void SupervisedContainer::Shared::unwatch() {
  control_watch = {};
  supervisor_watch = {};
  oom_watch.reset();
  watch_again = {};
}

void SupervisedContainer::Shared::watch(const std::shared_ptr<Shared>& shared) {
  const std::weak_ptr weak(shared);  // it is what holds the watches
  const auto wake = [weak](std::uint32_t) {
    if (const auto alive = weak.lock()) alive->on_event();
  };
  try {
    shared->control_watch = shared->loop.on_fd(shared->parts.control.fd(), EPOLLIN, wake);
    shared->supervisor_watch = shared->loop.on_fd(shared->parts.supervisor.fd(), EPOLLIN, wake);
    if (shared->oom) shared->oom_watch.emplace(shared->loop, shared->oom);
    shared->watch_again = {};
  } catch (const base::Error& error) {
    base::log::warning("domain '{}': {}, trying again", shared->parts.name, error.message());
    shared->unwatch();
    shared->watch_again = shared->loop.after(kWatchAgain, [weak] {
      if (const auto alive = weak.lock()) watch(alive);
    });
  }
}

}  // namespace container
