#include "support/watchdog.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "support/deadline.hpp"
#include "support/host.hpp"

namespace support {

namespace {

std::atomic<int> running{0};  // number of the test that runs, 0 between tests

class Marker : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override { running = ++count_; }
  void OnTestEnd(const testing::TestInfo&) override { running = 0; }
  int count_ = 0;
};

void watch() {
  int seen = 0;
  bool killed = false;
  auto since = Clock::now();
  for (;;) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const int now = running;
    if (now == 0 || now != seen) {
      seen = now;
      killed = false;
      since = Clock::now();
      continue;
    }
    if (Clock::now() - since < scaled(Milliseconds(150000))) continue;
    Daemon* daemon = host().daemon();
    if (killed || !daemon || daemon->pid() <= 0) {
      std::fprintf(stderr, "[ WATCHDOG ] the test hangs; giving up\n");
      std::fflush(nullptr);
      _exit(1);
    }
    std::fprintf(stderr, "[ WATCHDOG ] the test hangs; killing the daemon\n");
    ::kill(daemon->pid(), SIGKILL);
    killed = true;
    since = Clock::now();
  }
}

}  // namespace

void start_watchdog() {
  testing::UnitTest::GetInstance()->listeners().Append(new Marker);
  std::thread(watch).detach();
}

}  // namespace support
