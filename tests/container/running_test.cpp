// A running container through its handle: how its end is told, a daemon that goes away and comes back, freezing and
// killing.
#include "container/running.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "base/error.hpp"
#include "base/pid_fd.hpp"
#include "container/launch_fixture.hpp"

namespace container::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

using RunningTest = LaunchTest;

std::string read_line(const base::Fd& socket) {
  std::string text;
  for (char c = 0; c != '\n' && ::read(socket.get(), &c, 1) == 1;) text += c;
  return text;
}

TEST_F(RunningTest, ExitStatusIsTold_D8) {
  auto launched = launcher_->launch(shell("status", "exit 3"));
  ExitWitness witness;
  witness.watch(*launched.running);
  const auto record = witness.wait();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->cause, ExitCause::Exited);
  EXPECT_EQ(WEXITSTATUS(record->wait_status), 3);
  launched.running->clean_up();
  expect_unchanged();
}

TEST_F(RunningTest, AnExitBeforeAnybodyAskedIsToldWhenTheyDo) {
  auto launched = launcher_->launch(shell("early", "exit 0"));
  const auto init = base::PidFd::open(launched.running->facts().init_pid);
  if (init) init->wait_exit(5000);
  ::usleep(20000);
  ExitWitness witness;
  witness.watch(*launched.running);
  EXPECT_TRUE(witness.wait());
  launched.running->clean_up();
  expect_unchanged();
}

TEST_F(RunningTest, KillIsToldOnce_D5) {
  for (int i = 0; i < 10; ++i) {
    auto launched = launcher_->launch(sleeper("once"));
    ExitWitness witness;
    witness.watch(*launched.running);
    end(*launched.running);
    const auto record = witness.wait();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->cause, ExitCause::Exited);
    EXPECT_EQ(WTERMSIG(record->wait_status), SIGKILL);
    ::usleep(5000);
    EXPECT_EQ(witness.times(), 1);
  }
  expect_unchanged();
}

TEST_F(RunningTest, GuestRebootAndPowerOff) {
  const struct {
    const char* command;
    ExitCause cause;
  } kCases[] = {
      {"reboot -f", ExitCause::Reboot}, {"poweroff -f", ExitCause::PowerOff}, {"halt -f", ExitCause::PowerOff}};
  for (const auto& one : kCases) {
    auto launched = launcher_->launch(shell("reboot", std::string("busybox ") + one.command));
    ExitWitness witness;
    witness.watch(*launched.running);
    const auto record = witness.wait();
    ASSERT_TRUE(record) << one.command;
    EXPECT_EQ(record->cause, one.cause) << one.command << " " << record->wait_status;
    launched.running->clean_up();
  }
  expect_unchanged();
}

TEST_F(RunningTest, ADroppedContainerIsFoundAgain) {
  auto launched = launcher_->launch(shell("found", "read line; echo got $line; exit 4"));
  const auto facts = launched.running->facts();
  launched.running.reset();
  restart();
  const auto again = launcher_->adopt(launched.live, facts);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->facts(), facts);
  ExitWitness witness;
  witness.watch(*again);
  const auto console = again->open_console(0);
  ASSERT_EQ(::write(console.get(), "hello\n", 6), 6);
  read_line(console);  // the terminal's echo
  EXPECT_EQ(read_line(console), "got hello\r\n");
  const auto record = witness.wait();
  ASSERT_TRUE(record);
  EXPECT_EQ(WEXITSTATUS(record->wait_status), 4);
  again->clean_up();
  expect_unchanged();
}

TEST_F(RunningTest, AnEndWhileAwayIsToldAfterwards_D9) {
  auto launched = launcher_->launch(shell("away", "sleep 0.1; exit 5"));
  const auto facts = launched.running->facts();
  launched.running.reset();
  if (const auto init = base::PidFd::open(facts.init_pid)) init->wait_exit(5000);
  restart();
  const auto again = launcher_->adopt(launched.live, facts);
  ASSERT_TRUE(again);
  ExitWitness witness;
  witness.watch(*again);
  const auto record = witness.wait();
  ASSERT_TRUE(record);
  EXPECT_EQ(WEXITSTATUS(record->wait_status), 5);
  again->clean_up();
  expect_unchanged();
}

TEST_F(RunningTest, APausedContainerIsFoundPaused_D4) {
  auto launched = launcher_->launch(sleeper("paused"));
  launched.running->suspend();
  EXPECT_TRUE(launched.running->suspended());
  const auto facts = launched.running->facts();
  launched.running.reset();
  restart();
  const auto again = launcher_->adopt(launched.live, facts);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->suspended());
  again->resume();
  EXPECT_FALSE(again->suspended());
  again->suspend();
  const auto began = Clock::now();
  end(*again);  // frozen
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(1));
  expect_unchanged();
}

TEST_F(RunningTest, KillingTheSupervisorKillsTheContainer) {
  auto launched = launcher_->launch(sleeper("lost"));
  ExitWitness witness;
  witness.watch(*launched.running);
  const auto init = base::PidFd::open(launched.running->facts().init_pid);
  ASSERT_EQ(::kill(launched.running->id(), SIGKILL), 0);
  const auto record = witness.wait();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->cause, ExitCause::SupervisorLost);
  EXPECT_TRUE(!init || init->wait_exit(5000));
  launched.running->clean_up();
  EXPECT_EQ(witness.times(), 1);
  expect_unchanged();
}

TEST_F(RunningTest, ASupervisorLostWhileAwayLeavesNothing) {
  auto definition = sleeper("gone");
  definition.interfaces = {bridged()};
  auto launched = launcher_->launch(definition);
  const auto facts = launched.running->facts();
  const auto supervisor = base::PidFd::open(facts.supervisor_pid);
  launched.running.reset();
  ASSERT_EQ(::kill(facts.supervisor_pid, SIGKILL), 0);
  supervisor->wait_exit(5000);
  supervisor->reap();
  restart();
  EXPECT_EQ(launcher_->adopt(launched.live, facts), nullptr);
  expect_unchanged();
}

TEST_F(RunningTest, AnotherProcessWithTheSupervisorsNumberIsNotTakenForIt) {
  auto launched = launcher_->launch(sleeper("recycled"));
  auto facts = launched.running->facts();
  const pid_t supervisor = facts.supervisor_pid;
  facts.supervisor_pid = ::getpid();
  const auto watched = base::PidFd::open(supervisor);
  launched.running.reset();
  restart();
  EXPECT_EQ(launcher_->adopt(launched.live, facts), nullptr);  // what is in the group is ended all the same
  EXPECT_TRUE(watched->wait_exit(5000));
  watched->reap();
  expect_unchanged();
}

TEST_F(RunningTest, ASecondDaemonMayTakeOver) {
  auto launched = launcher_->launch(sleeper("taken"));
  ExitWitness witness;
  witness.watch(*launched.running);
  const auto taken = launcher_->adopt(launched.live, launched.running->facts());
  ASSERT_TRUE(taken);
  ::usleep(20000);
  EXPECT_EQ(witness.times(), 0);  // a lost connection is not a lost container
  launched.running.reset();
  end(*taken);
  expect_unchanged();
}

TEST_F(RunningTest, AContainerThatFreezesItselfDiesAllTheSame_D12) {
  if (!fs::exists("/sys/fs/cgroup/freezer")) GTEST_SKIP() << "needs a v1 freezer";
  auto launched = launcher_->launch(shell("frozen",
                                          "mkdir /sys/fs/cgroup/freezer/x && echo 1 >/sys/fs/cgroup/freezer/x/tasks && "
                                          "echo FROZEN >/sys/fs/cgroup/freezer/x/freezer.state; sleep 1000"));
  const auto group = "/sys/fs/cgroup/freezer" + launched.running->facts().cgroup_partition + "/" +
                     launched.running->facts().cgroup_leaf + "/payload/x/freezer.state";
  ASSERT_TRUE(eventually([&] {
    std::string state;
    std::ifstream(group) >> state;
    return state == "FROZEN";
  }));
  end(*launched.running);
  expect_unchanged();
}

TEST_F(RunningTest, SomebodyWhoEnteredFromOutsideDoesNotHoldTheGroup) {
  auto launched = launcher_->launch(sleeper("entered"));
  const auto& facts = launched.running->facts();
  const pid_t visitor = ::fork();
  if (visitor == 0) {
    ::pause();
    ::_exit(0);
  }
  for (const auto& entry : fs::directory_iterator("/sys/fs/cgroup")) {
    const auto directory = entry.path().string() + facts.cgroup_partition + "/" + facts.cgroup_leaf;
    if (fs::exists(directory + "/tasks")) std::ofstream(directory + "/tasks") << visitor;
    if (fs::exists(directory + "/supervisor")) std::ofstream(directory + "/supervisor/cgroup.procs") << visitor;
  }
  std::thread reaper([&] { ::waitpid(visitor, nullptr, 0); });
  end(*launched.running);
  reaper.join();
  expect_unchanged();
}

TEST_F(RunningTest, RunlevelRequestsReachAFifoAndNothingElse_D3) {
  auto without = launcher_->launch(sleeper("without"));
  EXPECT_FALSE(without.running->request_runlevel('0'));
  end(*without.running);

  auto linked =
      launcher_->launch(shell("linked", "mount -t tmpfs none /run; ln -s /target /run/initctl; echo done; sleep 1000"));
  const auto linked_console = linked.running->open_console(0);
  read_line(linked_console);
  EXPECT_FALSE(linked.running->request_runlevel('0'));
  end(*linked.running);

  auto with = launcher_->launch(shell("with",
                                      "mkdir -p /tmp/t; mount -t tmpfs none /tmp/t; mkfifo /dev/initctl; echo ready; "
                                      "head -c 384 /dev/initctl | od -An -tx1 -N 12"));
  const auto console = with.running->open_console(0);
  read_line(console);
  ASSERT_TRUE(eventually([&] { return with.running->request_runlevel('6'); }));  // until head has opened it
  EXPECT_THAT(read_line(console), HasSubstr("69 19 09 03 01 00 00 00 36 00 00 00"));
  with.running->clean_up();
}

TEST_F(RunningTest, NamespacesInLibvirtsOrder) {
  auto launched = launcher_->launch(sleeper("spaces"));
  const auto opened = launched.running->open_namespaces();
  std::vector<std::string> names;
  for (const auto& fd : opened)
    names.push_back(fs::read_symlink("/proc/self/fd/" + std::to_string(fd.get())).string().substr(0, 4));
  EXPECT_EQ(names, (std::vector<std::string>{"user", "ipc:", "uts:", "net:", "pid:", "mnt:"}));
  EXPECT_EQ(launched.running->init_kind(), InitKind::Plain);
  EXPECT_GT(launched.running->usage(cgroup::Ask::Memory, cgroup::Keep::Closed).memory_bytes, 0u);
  end(*launched.running);
  EXPECT_THROW(launched.running->open_namespaces(), base::Error);
  EXPECT_FALSE(launched.running->signal_init(SIGTERM));
}

}  // namespace
}  // namespace container::test
