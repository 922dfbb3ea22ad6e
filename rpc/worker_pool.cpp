#include "rpc/worker_pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <system_error>
#include <utility>

#include "base/log.hpp"

namespace rpc {

WorkerPool::WorkerPool(unsigned workers, unsigned priority_workers) {
  ordinary_.limit = std::max(workers, 1u);
  priority_.limit = priority_workers;
}

void WorkerPool::submit(Priority priority, std::function<void()> work) {
  const std::scoped_lock lock(mutex_);
  if (finishing_) return;
  auto& queue = jobs_[static_cast<int>(priority)];
  queue.push_back({next_number_++, std::move(work)});
  const std::size_t waiting = jobs_[0].size() + jobs_[1].size();
  if (ordinary_.idle > 0) ordinary_.wake.notify_one();
  if (waiting > ordinary_.idle && ordinary_.started < ordinary_.limit) {
    start(ordinary_);
  } else if (priority == Priority::High && waiting > ordinary_.idle) {
    if (priority_.idle > 0) priority_.wake.notify_one();
    if (queue.size() > priority_.idle && priority_.started < priority_.limit) start(priority_);
  }
}

void WorkerPool::finish() {
  std::vector<std::thread> threads;
  {
    const std::scoped_lock lock(mutex_);
    finishing_ = true;
    ordinary_.wake.notify_all();
    priority_.wake.notify_all();
    threads.swap(threads_);
  }
  for (auto& thread : threads) thread.join();
}

// Signals belong to the loop thread: a worker that inherited an open mask could have one delivered in the middle of a
// call.
void WorkerPool::start(Kind& kind) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    threads_.emplace_back([this, &kind] { run(kind); });
    ::pthread_setname_np(threads_.back().native_handle(), &kind == &ordinary_ ? "rpc-worker" : "rpc-prio-worker");
    ++kind.started;
  } catch (const std::system_error& error) {
    base::log::warning("cannot start a worker thread: {}", error.what());  // the job waits for a running one
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void WorkerPool::run(Kind& kind) {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      ++kind.idle;
      kind.wake.wait(lock, [&] { return finishing_ || has_work(kind); });
      --kind.idle;
      if (!take(kind, job)) return;
    }
    job.work();
  }
}

bool WorkerPool::has_work(const Kind& kind) const {
  return !jobs_[1].empty() || (&kind == &ordinary_ && !jobs_[0].empty());
}

bool WorkerPool::take(const Kind& kind, Job& job) {
  if (!has_work(kind)) return false;
  const bool high = !jobs_[1].empty() &&
                    (&kind == &priority_ || jobs_[0].empty() || jobs_[1].front().number < jobs_[0].front().number);
  auto& queue = jobs_[high ? 1 : 0];
  job = std::move(queue.front());
  queue.pop_front();
  return true;
}

}  // namespace rpc
