#include "support/watchdog.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "support/command.hpp"
#include "support/deadline.hpp"
#include "support/fixture.hpp"
#include "support/host.hpp"
#include "support/leaks.hpp"
#include "support/libvirtd.hpp"
#include "support/polkit.hpp"
#include "support/scratch.hpp"

namespace support {

namespace {

std::atomic<int> running{0};  // number of the test that runs, 0 between tests

std::mutex name_mutex;
std::string name_of_running;  // guarded by name_mutex

class Marker : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo& info) override {
    {
      const std::scoped_lock lock(name_mutex);
      name_of_running = std::string(info.test_suite_name()) + "." + info.name();
    }
    running = ++count_;
  }
  void OnTestEnd(const testing::TestInfo&) override { running = 0; }
  int count_ = 0;
};

// A program may have much to do: a test makes a Debian root filesystem.
constexpr Milliseconds kProgramLimit{1800000};

/// Each thread's name, and where in the kernel it waits.
void print_threads(pid_t process) {
  std::error_code error;
  const std::string folder = "/proc/" + std::to_string(process) + "/task";
  for (std::filesystem::directory_iterator task(folder, error), end; !error && task != end; task.increment(error)) {
    std::string name = read_text(task->path() / "comm");
    if (name.ends_with('\n')) name.pop_back();
    std::fprintf(stderr, "[ WATCHDOG ]   thread %s, %s: %s\n", task->path().filename().c_str(), name.c_str(),
                 read_text(task->path() / "wchan").c_str());
  }
}

void tell_of_hanging(const char* what_now) {
  std::string name;
  {
    const std::scoped_lock lock(name_mutex);
    name = name_of_running;
  }
  std::fprintf(stderr, "[ WATCHDOG ] %s hangs; %s. Its threads:\n", name.c_str(), what_now);
  print_threads(getpid());
  const Daemon* const daemon = host().daemon();
  if (!daemon || daemon->pid() <= 0) return;
  std::fprintf(stderr, "[ WATCHDOG ] the daemon's:\n");
  print_threads(daemon->pid());
}

/// Waits of the suite itself give up by themselves well before `limit`.
void watch(Milliseconds limit) {
  int seen = 0;
  bool killed = false;
  bool program = false;
  auto since = Clock::now();
  for (;;) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const int now = running;
    const bool program_now = programs_running() > 0;
    if (now == 0 || now != seen || program_now != program) {
      seen = now;
      killed = false;
      program = program_now;
      since = Clock::now();
      continue;
    }
    if (Clock::now() - since < scaled(program ? kProgramLimit : limit)) continue;
    Daemon* daemon = host().daemon();
    if (killed || !daemon || daemon->pid() <= 0) {
      tell_of_hanging("giving up");
      std::fflush(nullptr);
      _exit(1);
    }
    tell_of_hanging("killing the daemon");
    ::kill(daemon->pid(), SIGKILL);
    killed = true;
    since = Clock::now();
  }
}

int interruptions[2] = {-1, -1};

void clean_up_at_interruption() {
  char number = 0;
  while (read(interruptions[0], &number, 1) != 1) {
  }
  std::fprintf(stderr, "[ WATCHDOG ] interrupted; cleaning up\n");
  Daemon::end_all();
  Libvirtd::end_all();
  Polkit::end_all();
  if (Daemon* daemon = host().daemon()) {
    remove_traces(prefix());  // what the interrupted test started meanwhile
    umount2((daemon->root() + "/run").c_str(), MNT_DETACH);
  } else {
    remove_own_domains(host().connect());
  }
  // The interrupted test may still be writing.
  eventually(
      [] {
        remove_scratch();
        return !exists(scratch());
      },
      Milliseconds(2000));
  _exit(128 + number);
}

}  // namespace

void clean_up_when_interrupted() {
  if (pipe2(interruptions, O_CLOEXEC) != 0) return;
  std::thread(clean_up_at_interruption).detach();
  // Handlers, unlike blocked or ignored signals, are not inherited by the programs that tests run.
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    signal(signal_number, [](int number) {
      const char byte = static_cast<char>(number);
      if (write(interruptions[1], &byte, 1) != 1) _exit(128 + number);
    });
  }
}

void start_watchdog(Milliseconds limit) {
  testing::UnitTest::GetInstance()->listeners().Append(new Marker);
  std::thread(watch, limit).detach();
}

}  // namespace support
