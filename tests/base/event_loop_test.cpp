#include "base/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <thread>
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
