// What of a container both the loop and the workers touch: its parts, and how its end is heard.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/event_loop.hpp"
#include "base/log.hpp"
#include "container/oom_watch.hpp"
#include "container/supervised_container.hpp"

namespace container {

template <typename Call>
void logged(const std::string& name, const char* what, Call&& call) noexcept {
  try {
    call();
  } catch (const base::Error& error) {
    base::log::warning("domain '{}': {} failed: {}", name, what, error.message());
  } catch (const std::exception& error) {
    base::log::warning("domain '{}': {} failed: {}", name, what, error.what());
  }
}

struct SupervisedContainer::Shared {
  Shared(base::EventLoop& event_loop, ContainerParts container) : loop(event_loop), parts(std::move(container)) {}

  void pump();
  void on_event();
  void lose_supervisor();
  void end_with(ExitRecord record);
  void find_cause();
  void deliver();

  base::EventLoop& loop;
  std::mutex mutex;  // of `parts.control`, `parts.exit`, `call` and `hung_up`
  ContainerParts parts;
  std::function<void(ExitRecord)> call;
  bool hung_up = false;
  bool cleaned = false;
  std::shared_ptr<OomReport> oom;  // none where memory is not controlled
  std::optional<OomWatch> oom_watch;
  base::Watch control_watch, supervisor_watch;  // loop thread only; last, so that they end before what they watch
  base::Watch watch_again;

  /// On the loop. What the kernel refuses is asked for again: without it nobody would hear of the container's end.
  static void watch(const std::shared_ptr<Shared>& shared);
  void unwatch();
};

}  // namespace container
