// The threads on which calls wait for the kernel. Ordinary workers take any work in the order it came; priority workers
// take only Priority::High, so that short calls pass while every ordinary worker is busy. Threads start when first
// needed.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace rpc {

enum class Priority { Ordinary, High };

class WorkerPool {
 public:
  WorkerPool(unsigned workers, unsigned priority_workers);
  ~WorkerPool() { finish(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Any thread. `work` must not throw. Ignored after finish().
  void submit(Priority priority, std::function<void()> work);
  /// Runs what was submitted to its end and joins the threads.
  void finish();

 private:
  struct Job {
    std::uint64_t number;
    std::function<void()> work;
  };
  struct Kind {
    unsigned limit = 0;
    unsigned started = 0;
    unsigned idle = 0;
    std::condition_variable wake;
  };

  void start(Kind& kind);
  void run(Kind& kind);
  bool take(const Kind& kind, Job& job);
  bool has_work(const Kind& kind) const;

  std::mutex mutex_;
  Kind ordinary_;
  Kind priority_;
  std::deque<Job> jobs_[2];  // by Priority
  std::uint64_t next_number_ = 0;
  bool finishing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace rpc
