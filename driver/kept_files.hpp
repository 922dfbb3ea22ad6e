// The statistics files that containers keep open between questions: a program that watches asks every second or so, and
// opening costs four times what reading does. They cost the kernel 5 KiB each, so they are closed now and then.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>

#include "base/event_loop.hpp"

namespace driver {

class DomainRegistry;

class KeptFiles {
 public:
  KeptFiles(base::EventLoop& loop, const DomainRegistry& registry,
            std::function<void(std::function<void()>)> run_on_worker)
      : loop_(loop), registry_(registry), run_on_worker_(std::move(run_on_worker)) {}

  /// Somebody has read with cgroup::Keep::Open: some time from now all are closed, and whoever still watches opens them
  /// anew. Any thread.
  void used();

 private:
  void close_all() const;

  base::EventLoop& loop_;
  const DomainRegistry& registry_;
  const std::function<void(std::function<void()>)> run_on_worker_;
  std::atomic<bool> waiting_ = false;
  base::Watch timer_;  // the loop's thread's
};

}  // namespace driver
