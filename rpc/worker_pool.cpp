#include "rpc/worker_pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <new>
#include <system_error>
#include <utility>

#include "base/log.hpp"

namespace rpc {
namespace {

constexpr unsigned kMostWaiting = 64;  // threads more than configured

thread_local WorkerPool* own_pool = nullptr;

}  // namespace

WorkerPool::Waiting::Waiting() : pool_(own_pool) {
  if (!pool_) return;
  const std::scoped_lock lock(pool_->mutex_);
  if (pool_->waiting_ == kMostWaiting || pool_->finishing_) return;
  counted_ = true;
  ++pool_->waiting_;
  ++pool_->ordinary_.limit;
  const bool work = !pool_->jobs_[0].empty() || !pool_->jobs_[1].empty();
  if (work && pool_->ordinary_.idle == 0) pool_->start(pool_->ordinary_);
}

WorkerPool::Waiting::~Waiting() {
  if (!counted_) return;
  const std::scoped_lock lock(pool_->mutex_);
  --pool_->waiting_;
  --pool_->ordinary_.limit;
  pool_->ordinary_.wake.notify_one();  // one of them is too many now
}

WorkerPool::WorkerPool(unsigned workers, unsigned priority_workers) {
  ordinary_.limit = std::max(workers, 1u);
  priority_.limit = priority_workers;
}

WorkerFigures WorkerPool::figures() const {
  const std::scoped_lock lock(mutex_);
  return {{min_, ordinary_.limit - waiting_, priority_.limit},
          ordinary_.started,
          ordinary_.idle,
          jobs_[0].size() + jobs_[1].size()};
}

void WorkerPool::set_limits(WorkerLimits limits) {
  const std::scoped_lock lock(mutex_);
  min_ = limits.min;
  ordinary_.limit = limits.max + waiting_;
  priority_.limit = limits.priority;
  while (!finishing_ && ordinary_.started < min_ && start(ordinary_)) {
  }
  const std::size_t waiting = jobs_[0].size() + jobs_[1].size();
  for (std::size_t i = 0; i < waiting && ordinary_.started < ordinary_.limit && start(ordinary_); ++i) {
  }
  ordinary_.wake.notify_all();
  priority_.wake.notify_all();
}

void WorkerPool::Queue::push(std::uint64_t client, Job job) {
  auto& own = of_[client];
  std::list<std::uint64_t> turn;  // all memory first: a job without a turn would never be done
  if (own.empty()) turn.push_back(client);
  own.push_back(std::move(job));
  turns_.splice(turns_.end(), turn);
  ++count_;
}

WorkerPool::Job WorkerPool::Queue::pop() {
  const auto own = of_.find(turns_.front());
  Job job = std::move(own->second.front());
  own->second.pop_front();
  if (own->second.empty()) {
    of_.erase(own);
    turns_.pop_front();
  } else {
    turns_.splice(turns_.end(), turns_, turns_.begin());
  }
  --count_;
  return job;
}

void WorkerPool::submit(Priority priority, std::function<void()> work, std::uint64_t client) {
  const std::scoped_lock lock(mutex_);
  if (finishing_) return;
  auto& queue = jobs_[static_cast<int>(priority)];
  queue.push(client, {next_number_++, std::move(work)});
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
    if (ended_.joinable()) threads.push_back(std::move(ended_));
  }
  for (auto& thread : threads) thread.join();
}

std::thread WorkerPool::leave() {
  const auto own = std::find_if(threads_.begin(), threads_.end(),
                                [](const auto& thread) { return thread.get_id() == std::this_thread::get_id(); });
  if (own == threads_.end()) return {};  // finish() has them
  std::thread before = std::exchange(ended_, std::move(*own));
  threads_.erase(own);
  return before;
}

// Signals belong to the loop thread: a worker that inherited an open mask could have one delivered in the middle of a
// call.
bool WorkerPool::start(Kind& kind) {
  sigset_t all;
  sigset_t before;
  bool made = false;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    threads_.emplace_back([this, &kind] { run(kind); });
    ::pthread_setname_np(threads_.back().native_handle(), &kind == &ordinary_ ? "rpc-worker" : "rpc-prio-worker");
    ++kind.started;
    made = true;
  } catch (const std::system_error& error) {
    base::log::warning("cannot start a worker thread: {}", error.what());  // the job waits for a running one
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return made;
}

void WorkerPool::run(Kind& kind) {
  own_pool = this;
  for (bool ended = false;;) {
    Job job;
    std::thread before;
    {
      std::unique_lock lock(mutex_);
      ++kind.idle;
      const auto too_many = [&] { return kind.started > kind.limit; };
      kind.wake.wait(lock, [&] { return finishing_ || has_work(kind) || too_many(); });
      --kind.idle;
      if ((too_many() && !finishing_) || !take(kind, job)) {
        --kind.started;
        kind.wake.notify_one();  // the wake-up may have been for a job
        before = leave();
        ended = true;
      }
    }
    if (before.joinable()) before.join();
    if (ended) return;
    try {
      job.work();
    } catch (const std::bad_alloc&) {  // not even memory for a log line: this job is lost, the worker goes on
    }
  }
}

bool WorkerPool::has_work(const Kind& kind) const {
  return !jobs_[1].empty() || (&kind == &ordinary_ && !jobs_[0].empty());
}

bool WorkerPool::take(const Kind& kind, Job& job) {
  if (!has_work(kind)) return false;
  const bool high =
      !jobs_[1].empty() && (&kind == &priority_ || jobs_[0].empty() || jobs_[1].number() < jobs_[0].number());
  job = jobs_[high ? 1 : 0].pop();
  return true;
}

}  // namespace rpc
