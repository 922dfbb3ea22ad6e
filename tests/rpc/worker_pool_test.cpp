#include "rpc/worker_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>

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

TEST(WorkerPoolTest, AllWorkersRunAtOnce) {
  WorkerPool pool(3, 2);
  std::latch together(5);
  for (int i = 0; i < 5; ++i) pool.submit(Priority::High, [&] { together.arrive_and_wait(); });
  together.wait();
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
