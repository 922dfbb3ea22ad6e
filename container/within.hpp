// A limit for work that may wait for somebody who never answers: a file system whose server hangs keeps a thread in the
// kernel, out of reach of everything but the end of the process.
#pragma once

#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include "base/error.hpp"

namespace container {

inline constexpr std::chrono::seconds kAnswerLimit{10};

/// `work` in a thread that may be left behind, unlike std::async's: so `work` owns all it touches, and what it makes
/// when nobody waits any more goes with its result.
template <typename Work>
auto run_aside(Work work) {
  std::packaged_task<decltype(work())()> task(std::move(work));
  auto result = task.get_future();
  std::thread(std::move(task)).detach();
  return result;
}

/// What `work` gives back or throws, by run_aside(). Throws OperationTimeout ("`what` does not answer") after `limit`.
template <typename Work>
auto within(std::chrono::milliseconds limit, const std::string& what, Work work) {
  auto result = run_aside(std::move(work));
  if (result.wait_for(limit) == std::future_status::timeout)
    base::fail(base::Code::OperationTimeout, what, " does not answer");
  return result.get();
}

}  // namespace container
