#include "rpc/worker_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <future>
#include <iterator>
#include <latch>
#include <thread>

namespace rpc {
namespace {

TEST(WorkerPoolTest, RunsOrdinaryWorkInOrderWithOneWorker) {
  std::vector<int> order;
  {
    WorkerPool pool(1, 0);
    for (int i = 0; i < 100; ++i)
      pool.submit(i % 3 ? Priority::Ordinary : Priority::High, [&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(WorkerPoolTest, WhoSendsMuchWaitsForHimself) {
  std::vector<int> order;  // of clients
  {
    std::promise<void> release;
    const auto released = release.get_future().share();
    WorkerPool pool(1, 0);
    pool.submit(Priority::Ordinary, [released] { released.wait(); });
    for (int i = 0; i < 100; ++i)
      pool.submit(
          Priority::Ordinary, [&order] { order.push_back(1); }, 1);
    for (int i = 0; i < 3; ++i)
      pool.submit(
          Priority::Ordinary, [&order] { order.push_back(2); }, 2);
    release.set_value();
  }
  ASSERT_EQ(order.size(), 103U);
  EXPECT_EQ(std::count(order.begin(), order.begin() + 6, 2), 3);
}

TEST(WorkerPoolTest, HighPriorityPassesBlockedWorkers) {
  WorkerPool pool(2, 1);
  std::promise<void> release;
  const auto released = release.get_future().share();
  for (int i = 0; i < 5; ++i) pool.submit(Priority::Ordinary, [released] { released.wait(); });
  std::promise<void> passed;
  pool.submit(Priority::High, [&] { passed.set_value(); });
  EXPECT_EQ(passed.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
  release.set_value();
}

/// A thread that nobody joined keeps its stack.
TEST(WorkerPoolTest, WorkersThatCameForThoseWhoWaitLeaveNothing) {
  const auto mappings = [] {
    std::ifstream maps("/proc/self/maps");
    return std::count(std::istreambuf_iterator<char>(maps), {}, '\n');
  };
  WorkerPool pool(1, 0);
  long before = 0;
  for (int i = 0; i < 200; ++i) {
    if (i == 50) before = mappings();
    std::promise<void> answer, done;
    pool.submit(Priority::Ordinary, [&] {
      const WorkerPool::Waiting waiting;
      answer.get_future().wait();
      done.set_value();
    });
    pool.submit(Priority::Ordinary, [&] { answer.set_value(); });
    ASSERT_EQ(done.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  }
  EXPECT_LT(mappings(), before + 50);
}

TEST(WorkerPoolTest, AllWorkersRunAtOnce) {
  std::latch together(5);  // outlives the workers, which look at it once more
  WorkerPool pool(3, 2);
  for (int i = 0; i < 5; ++i) pool.submit(Priority::High, [&] { together.arrive_and_wait(); });
  together.wait();
}

TEST(WorkerPoolTest, LimitsChangeWhileItWorks) {
  WorkerPool pool(2, 1);
  EXPECT_EQ(pool.figures().running, 0u) << "threads start when first needed";
  pool.set_limits({4, 6, 1});
  EXPECT_EQ(pool.figures().running, 4u);
  std::latch together(6);
  for (int i = 0; i < 6; ++i) pool.submit(Priority::Ordinary, [&] { together.arrive_and_wait(); });
  together.wait();
  pool.set_limits({0, 1, 0});
  while (pool.figures().running > 1) std::this_thread::yield();
  std::promise<void> done;
  pool.submit(Priority::High, [&] { done.set_value(); });
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
  EXPECT_EQ(pool.figures().limits, (WorkerLimits{0, 1, 0}));
}

TEST(WorkerPoolTest, FinishRunsWhatWasSubmittedAndTakesNoMore) {
  std::atomic<int> count = 0;
  WorkerPool pool(2, 2);
  for (int i = 0; i < 50; ++i) pool.submit(Priority::Ordinary, [&] { ++count; });
  pool.finish();
  EXPECT_EQ(count, 50);
  pool.submit(Priority::High, [&] { ++count; });
  pool.finish();
  EXPECT_EQ(count, 50);
}

}  // namespace
}  // namespace rpc
