// Consoles: nothing is lost that somebody reads, nobody who does not read holds anything up.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "container/supervisor_harness.hpp"

namespace container::test {
namespace {

using protocol::Type;
using SupervisorConsole = SupervisorTest;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

std::string numbers(int last) {
  std::string text;
  for (int i = 1; i <= last; i++) text += std::to_string(i) + "\r\n";
  return text;
}

TEST_F(SupervisorConsole, CarriesBytesBothWays) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "echo ready; read line; echo \"got $line\""));
  supervisor.receive(Type::Ready);
  const base::Fd viewer = supervisor.open_console();
  read_until(viewer.get(), "ready");
  write_text(viewer.get(), "some words\n");
  EXPECT_THAT(read_to_end(viewer.get()), HasSubstr("got some words\r\n"));
  supervisor.finish();
}

TEST_F(SupervisorConsole, EachConsoleIsItsOwn) {
  ContainerPlan plan = shell_plan(image, "echo one >/dev/tty1; echo two >/dev/tty2; echo three >/dev/tty3");
  plan.consoles = 3;
  Supervisor supervisor(image);
  supervisor.start(plan);
  EXPECT_EQ(supervisor.receive(Type::Ready).status.consoles, 3U);
  std::vector<base::Fd> viewers;
  for (std::uint32_t i = 0; i < 3; i++) viewers.push_back(supervisor.open_console(i));
  EXPECT_EQ(read_to_end(viewers[0].get()), "one\r\n");
  EXPECT_EQ(read_to_end(viewers[1].get()), "two\r\n");
  EXPECT_EQ(read_to_end(viewers[2].get()), "three\r\n");
  supervisor.finish();
}

TEST_F(SupervisorConsole, ContainerMayHaveNone) {
  ContainerPlan plan = shell_plan(image, "read line || exit 8");
  plan.consoles = 0;
  Supervisor supervisor(image);
  supervisor.start(plan);
  EXPECT_EQ(supervisor.receive(Type::Ready).status.consoles, 0U);
  EXPECT_EQ(WEXITSTATUS(supervisor.finish()), 8);
}

TEST_F(SupervisorConsole, LateViewerGetsWhatNobodyTookOldestDropped) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "busybox seq 1 20000; exit 3"));
  supervisor.receive(Type::Ready);
  const Message exited = supervisor.receive(Type::Exited);
  const std::string all = numbers(20000);
  const std::string seen = read_to_end(supervisor.open_console().get());
  EXPECT_EQ(seen, all.substr(all.size() - 16 * 1024));
  EXPECT_EQ(read_to_end(supervisor.open_console().get()), "");  // taken by now
  supervisor.send(Type::Release);
  EXPECT_EQ(supervisor.wait_end(), 0);
}

TEST_F(SupervisorConsole, SeveralViewersAllSeeEverything) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "read line; busybox seq 1 30000"));
  supervisor.receive(Type::Ready);
  std::vector<base::Fd> viewers;
  for (int i = 0; i < 4; i++) viewers.push_back(supervisor.open_console());
  EXPECT_EQ(read_to_end(supervisor.open_console().get()), "");  // the fifth is refused
  write_text(viewers[2].get(), "\n");
  std::vector<std::string> seen(4);
  std::vector<std::thread> readers;
  for (std::size_t i = 0; i < 4; i++) readers.emplace_back([&, i] { seen[i] = read_to_end(viewers[i].get()); });
  for (auto& reader : readers) reader.join();
  for (const auto& text : seen) EXPECT_EQ(text, "\r\n" + numbers(30000));  // after the echo
  supervisor.finish();
}

TEST_F(SupervisorConsole, SlowReaderHoldsTheContainerBackAndLosesNothing) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "read line; busybox seq 1 20000"));
  supervisor.receive(Type::Ready);
  const base::Fd viewer = supervisor.open_console(0, 4096);
  write_text(viewer.get(), "\n");
  std::string seen;
  char buffer[16384];
  for (;;) {
    const ssize_t got = read(viewer.get(), buffer, sizeof buffer);
    if (got <= 0) break;
    seen.append(buffer, static_cast<std::size_t>(got));
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(seen, "\r\n" + numbers(20000));
  supervisor.finish();
}

TEST_F(SupervisorConsole, ViewerThatNeverReadsDelaysOthersForASecondAtMost) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "read line; busybox seq 1 60000; exit 6"));
  supervisor.receive(Type::Ready);
  const base::Fd stuck = supervisor.open_console(0, 4096);
  const base::Fd good = supervisor.open_console();
  write_text(good.get(), "\n");
  const auto start = Clock::now();
  EXPECT_EQ(read_to_end(good.get()), "\r\n" + numbers(60000));
  EXPECT_EQ(WEXITSTATUS(supervisor.finish()), 6);
  const auto took = Clock::now() - start;
  EXPECT_GE(took, 900ms);
  EXPECT_LE(took, 5s);
  // What it gets when it wakes up is the beginning, then a gap.
  const std::string late = read_to_end(stuck.get());
  EXPECT_EQ(late.substr(0, 5), "\r\n1\r\n");
  EXPECT_LT(late.size(), numbers(60000).size());
}

TEST_F(SupervisorConsole, StuckViewerDoesNotDelayTheExitMessage) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "busybox head -c 9000 /dev/zero; read line"));
  const Message ready = supervisor.receive(Type::Ready);
  const base::Fd stuck = supervisor.open_console(0, 2048);
  std::this_thread::sleep_for(50ms);
  kill(ready.status.init_pid, SIGKILL);
  const auto start = Clock::now();
  EXPECT_EQ(WTERMSIG(supervisor.finish()), SIGKILL);
  EXPECT_LE(Clock::now() - start, 700ms);
}

TEST_F(SupervisorConsole, HostPtyPathCarriesTheConsoleToo) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "read line; echo \"got $line\"; read line"));
  const Message ready = supervisor.receive(Type::Ready);
  const base::Fd terminal = base::open_file(ready.status.console_paths[0], O_RDWR | O_NOCTTY);
  write_text(terminal.get(), "this\n");
  EXPECT_THAT(read_until(terminal.get(), "got this\r\n"), EndsWith("got this\r\n"));
  const base::Fd viewer = supervisor.open_console();
  EXPECT_THAT(read_until(viewer.get(), "got this"), HasSubstr("got this"));
}

TEST_F(SupervisorConsole, TheSizeOfTheHostPtyIsTheContainers) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "trap 'echo resized' WINCH; while read line; do busybox stty size; done"));
  const Message ready = supervisor.receive(Type::Ready);
  const base::Fd terminal = base::open_file(ready.status.console_paths[0], O_RDWR | O_NOCTTY);
  for (const unsigned short rows : {50, 24}) {
    const winsize size{rows, 132, 0, 0};
    ASSERT_EQ(::ioctl(terminal.get(), TIOCSWINSZ, &size), 0);
    write_text(terminal.get(), "go\n");
    const std::string answer = std::to_string(rows) + " 132\r\n";
    EXPECT_THAT(read_until(terminal.get(), answer), HasSubstr(answer));
  }
}

TEST_F(SupervisorConsole, NobodyReadingTheHostPtyHoldsNothingUp) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "busybox seq 1 100000; exit 2"));
  supervisor.receive(Type::Ready);
  EXPECT_EQ(WEXITSTATUS(supervisor.finish()), 2);
}

TEST_F(SupervisorConsole, InputNobodyReadsIsKeptWithoutBusyWaiting) {
  Supervisor supervisor(image);
  supervisor.start(
      shell_plan(image, "busybox stty raw -echo; echo set; busybox sleep 0.3; busybox head -c 60000 | busybox wc -c"));
  supervisor.receive(Type::Ready);
  const base::Fd viewer = supervisor.open_console();
  read_until(viewer.get(), "set");
  std::thread writer([&] { write_text(viewer.get(), std::string(60000, 'x')); });
  EXPECT_THAT(read_to_end(viewer.get()), HasSubstr("60000"));
  writer.join();
  supervisor.finish();
}

/// Every place the supervisor could be woken by a hang-up it cannot clear would show as a growing count.
long wake_ups(pid_t pid) {
  const std::string status = read_text("/proc/" + std::to_string(pid) + "/status");
  return std::stol(status.substr(status.find("\nvoluntary_ctxt_switches:") + 25));
}

TEST_F(SupervisorConsole, HangUpInTheContainerIsSurvived) {
  Supervisor supervisor(image);
  // A reader that is hung up sees end of file and opens its terminal again, as a getty does.
  supervisor.start(shell_plan(image,
                              "exec </dev/null >/dev/null 2>&1; "
                              "while :; do read line </dev/console && echo got $line >/dev/console; done"));
  const Message ready = supervisor.receive(Type::Ready);
  const base::Fd viewer = supervisor.open_console();
  for (const char* word : {"first\n", "second\n"}) {
    // vhangup(2) as a getty does it, on the same terminal, but from here: TIOCVHANGUP needs CAP_SYS_ADMIN only.
    const base::Fd terminal = base::open_file("/proc/" + std::to_string(ready.status.init_pid) + "/root/dev/console",
                                              O_RDWR | O_NOCTTY | O_NONBLOCK);
    ASSERT_EQ(ioctl(terminal.get(), TIOCVHANGUP), 0);
    std::this_thread::sleep_for(20ms);
    write_text(viewer.get(), word);
    const std::string echoed = "got " + std::string(word, std::strlen(word) - 1) + "\r\n";
    EXPECT_THAT(read_until(viewer.get(), echoed), HasSubstr(echoed));
  }
  std::this_thread::sleep_for(50ms);
  const long before = wake_ups(supervisor.pid());
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(wake_ups(supervisor.pid()), before);
}

TEST_F(SupervisorConsole, OpenAndCloseStormsAreSurvived) {
  Supervisor supervisor(image);
  supervisor.start(
      shell_plan(image,
                 "exec </dev/null >/dev/null 2>&1; for i in $(busybox seq 1 300); do echo $i >/dev/console; done; "
                 "exec >/dev/console; echo finished"));
  supervisor.receive(Type::Ready);
  std::string seen;
  const base::Fd viewer = supervisor.open_console();
  for (int i = 0; i < 30; i++) supervisor.open_console();
  EXPECT_THAT(read_to_end(viewer.get()), HasSubstr("300\r\nfinished\r\n"));
  supervisor.finish();
}

}  // namespace
}  // namespace container::test
