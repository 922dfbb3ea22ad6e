// The threads on which calls wait for the kernel. Ordinary workers take any work; priority workers take only
// Priority::High, so that short calls pass while every ordinary worker is busy. Clients take turns: each one's work is
// done in the order it came, and whoever sends much waits for himself. Threads start when first needed.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace rpc {

enum class Priority { Ordinary, High };

/// How many threads there may be, and how many ordinary ones are kept even when nobody needs them.
struct WorkerLimits {
  unsigned min = 0, max = 1, priority = 0;
  bool operator==(const WorkerLimits&) const = default;
};
struct WorkerFigures {
  WorkerLimits limits;
  unsigned running = 0, idle = 0;  // ordinary threads
  std::size_t waiting = 0;         // jobs
};

class WorkerPool {
 public:
  WorkerPool(unsigned workers, unsigned priority_workers);
  ~WorkerPool() { finish(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Any thread. `work` must not throw. Ignored after finish().
  void submit(Priority priority, std::function<void()> work, std::uint64_t client = 0);
  WorkerFigures figures() const;
  /// Threads that are now too many end when they have nothing to do. `max` is at least 1 and not below `min`.
  void set_limits(WorkerLimits limits);
  /// Runs what was submitted to its end and joins the threads.
  void finish();

  /// While there is one, the worker that made it does not count: it waits for another's work, and a worker more may run
  /// meanwhile, so that those who wait for one stuck domain hold up nobody else. On other threads without effect.
  class Waiting {
   public:
    Waiting();
    ~Waiting();
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    WorkerPool* pool_;
    bool counted_ = false;
  };

 private:
  struct Job {
    std::uint64_t number;
    std::function<void()> work;
  };
  /// Jobs in their clients' turns.
  class Queue {
   public:
    bool empty() const { return count_ == 0; }
    std::size_t size() const { return count_; }
    void push(std::uint64_t client, Job job);
    /// Of the job whose turn it is.
    std::uint64_t number() const { return of_.at(turns_.front()).front().number; }
    Job pop();

   private:
    std::map<std::uint64_t, std::deque<Job>> of_;  // by client, those that have any
    std::list<std::uint64_t> turns_;               // the same clients
    std::size_t count_ = 0;
  };
  struct Kind {
    unsigned limit = 0;
    unsigned started = 0;
    unsigned idle = 0;
    std::condition_variable wake;
  };

  bool start(Kind& kind);
  /// A worker that ends, with mutex_ held. Returns the one that ended before it, for it to join without the mutex: so
  /// none keeps its stack for longer than until the next one ends.
  std::thread leave();
  void run(Kind& kind);
  bool take(const Kind& kind, Job& job);
  bool has_work(const Kind& kind) const;

  mutable std::mutex mutex_;
  unsigned min_ = 0;
  Kind ordinary_;
  Kind priority_;
  unsigned waiting_ = 0;  // workers that do not count
  Queue jobs_[2];         // by Priority
  std::uint64_t next_number_ = 0;
  bool finishing_ = false;
  std::vector<std::thread> threads_;
  std::thread ended_;
};

}  // namespace rpc
