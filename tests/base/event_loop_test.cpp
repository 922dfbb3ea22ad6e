#include "base/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <functional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace {

using base::EventLoop;
using base::Watch;
using namespace std::chrono_literals;

TEST(EventLoop, RunsPostedWorkInOrderFromOtherThreads) {
  EventLoop loop;
  std::vector<int> seen;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&seen, i] { seen.push_back(i); });
    loop.stop();
  });
  loop.run();
  other.join();
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(EventLoop, TurnsComeOneAtATimeInOrder) {
  EventLoop loop;
  std::vector<int> seen;
  // Each of three that always have more to do; what is ready comes between any two of their turns.
  std::function<void(int)> work = [&](int who) {
    seen.push_back(who);
    if (seen.size() < 300) loop.take_turn([&, who] { work(who); });
  };
  for (int who = 0; who < 3; ++who) loop.take_turn([&, who] { work(who); });
  auto [reader, writer] = base::socket_pair(SOCK_STREAM);
  base::write_all(writer.get(), "x", 1, "pair");
  std::size_t answers = 0, turns_at_last = 0, longest_wait = 0;
  const Watch watch = loop.on_fd(reader.get(), EPOLLIN, [&, in = reader.get(), out = writer.get()](std::uint32_t) {
    char byte = 0;
    EXPECT_EQ(::read(in, &byte, 1), 1);
    longest_wait = std::max(longest_wait, seen.size() - std::exchange(turns_at_last, seen.size()));
    ++answers;
    if (seen.size() >= 300) return loop.stop();
    base::write_all(out, "x", 1, "pair");
  });
  loop.run();
  EXPECT_GE(answers, 100U);
  EXPECT_LE(longest_wait, 2U);
  ASSERT_GE(seen.size(), 300U);
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], static_cast<int>(i % 3));
}

std::chrono::nanoseconds cpu_time() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

TEST(EventLoop, TurnsLeaveTheThreadTimeToSpare) {
  EventLoop loop;
  const auto begin = std::chrono::steady_clock::now();
  const auto end = begin + 200ms;
  const auto used = cpu_time();
  int turns = 0;
  std::function<void()> work = [&] {
    ++turns;
    const auto done = cpu_time() + 20us;
    while (cpu_time() < done) {
    }
    if (std::chrono::steady_clock::now() >= end) return loop.stop();
    loop.take_turn([&] { work(); });
  };
  loop.take_turn([&] { work(); });
  loop.run();
  EXPECT_GE(turns, 100);
  EXPECT_LT(cpu_time() - used, (std::chrono::steady_clock::now() - begin) / 2);
}

TEST(EventLoop, ATurnMayBeAskedForAgainAndNeverTaken) {
  int calls = 0;
  {
    EventLoop loop;
    loop.take_turn([&] {
      ++calls;
      loop.take_turn([&] {
        ++calls;
        loop.stop();
      });
    });
    loop.run();
    loop.take_turn([&] { ++calls; });
  }
  EXPECT_EQ(calls, 2);
}

TEST(EventLoop, CallbackMayDestroyItsOwnWatch) {
  EventLoop loop;
  auto [reader, writer] = base::socket_pair(SOCK_STREAM);
  base::write_all(writer.get(), "x", 1, "pair");
  Watch watch;
  int calls = 0;
  watch = loop.on_fd(reader.get(), EPOLLIN, [&](std::uint32_t) {
    ++calls;
    watch = {};
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, AnExceptionInACallbackDoesNotEndTheLoop) {
  EventLoop loop;
  loop.post([] { throw std::runtime_error("from a callback"); });
  bool reached = false;
  loop.post([&] { reached = true; });
  loop.stop();
  loop.run();
  EXPECT_TRUE(reached);
}

TEST(EventLoop, PausedWatchIsNotCalled) {
  EventLoop loop;
  auto [reader, writer] = base::socket_pair(SOCK_STREAM);
  base::write_all(writer.get(), "x", 1, "pair");
  int calls = 0;
  Watch watch = loop.on_fd(reader.get(), 0, [&](std::uint32_t) { ++calls; });
  const Watch timer = loop.after(20ms, [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(calls, 0);
}

TEST(EventLoop, TimersFireOnceAndInTime) {
  EventLoop loop;
  const auto start = std::chrono::steady_clock::now();
  int calls = 0;
  const Watch early = loop.after(10ms, [&] { ++calls; });
  const Watch late = loop.after(60ms, [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(calls, 1);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 59ms);
}

}  // namespace
