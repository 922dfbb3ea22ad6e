// The template of supervisors with the real program: who its copies are, and what is left when one of them goes.
#include "container/fork_server.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "container/launch_fixture.hpp"

namespace container::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

Deadline soon() {
  return std::chrono::steady_clock::now() + 10s;
}

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream list(task.path() / "children");
    for (pid_t pid; list >> pid;) found.push_back(pid);
  }
  return found;
}

/// A supervisor that waits to be told what to do, and our end of its socket.
struct Waiting {
  ControlSocket control;
  base::PidFd process;
};

Waiting forked(ForkServer& server) {
  auto [ours, theirs] = base::socket_pair(SOCK_SEQPACKET);
  server.fork(theirs, -1);
  theirs.reset();
  Waiting waiting{ControlSocket(std::move(ours)), {}};
  waiting.process = server.await_forked(waiting.control, soon());
  return waiting;
}

/// Ends as its socket does.
void expect_end(Waiting& waiting) {
  waiting.control = {};
  EXPECT_TRUE(waiting.process.wait_exit(5000));
  EXPECT_TRUE(waiting.process.reap());
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const base::Error& error) {
    return error.message();
  }
  return "no error";
}

int fuse_descriptors(pid_t process) {
  int count = 0;
  std::error_code ignored;
  for (const auto& fd : fs::directory_iterator("/proc/" + std::to_string(process) + "/fd", ignored))
    count += fs::read_symlink(fd.path(), ignored) == "/dev/fuse";
  return count;
}

/// Whoever else held it would keep those waiting who ask a supervisor that has died.
TEST(ForkServer, AViewIsMadeAheadAndOnlyTheNextCopyHasIt) {
  if (::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "no FUSE on this host";
  ForkServer server(LXCELL_SUPERVISOR);
  const pid_t of_template = children().back();
  ASSERT_TRUE(eventually([&] { return fuse_descriptors(of_template) == 1; }));
  // Another is made once nothing was asked for a while, which on a busy machine may pass between two.
  bool only_the_first = false;
  for (int tries = 0; tries < 20 && !only_the_first; ++tries) {
    auto first = forked(server), second = forked(server);
    EXPECT_EQ(fuse_descriptors(first.process.pid()), 1);
    only_the_first = fuse_descriptors(second.process.pid()) == 0;
    expect_end(first);
    expect_end(second);
    ASSERT_TRUE(eventually([&] { return fuse_descriptors(of_template) == 1; }));
  }
  EXPECT_TRUE(only_the_first);
}

TEST(ForkServer, CopiesAreOurChildrenWithOneTemplate) {
  const auto before = children().size();
  {
    ForkServer server(LXCELL_SUPERVISOR);
    EXPECT_EQ(children().size(), before + 1) << "the first start is as quick as the others";
    auto first = forked(server), second = forked(server);
    EXPECT_EQ(children().size(), before + 3);
    EXPECT_THAT(children(), testing::IsSupersetOf({first.process.pid(), second.process.pid()}));
    EXPECT_NE(::getsid(first.process.pid()), ::getsid(second.process.pid()));
    expect_end(first);
    EXPECT_FALSE(second.process.wait_exit(0)) << "each has its own socket";
    expect_end(second);
  }
  EXPECT_EQ(children().size(), before);
}

TEST(ForkServer, CopiesHaveNothingOfTheDaemonsButTheirSocket) {
  ForkServer server(LXCELL_SUPERVISOR);
  auto first = forked(server);  // with what the template may have made ahead
  expect_end(first);
  auto waiting = forked(server);
  const auto descriptors = [&waiting] {
    std::set<std::string> numbers;
    for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(waiting.process.pid()) + "/fd"))
      numbers.insert(entry.path().filename());
    return numbers;
  };
  const std::set<std::string> its_own{"0", "1", "2", "3"};
  eventually([&] { return descriptors() == its_own; });  // it has just said who it is
  EXPECT_EQ(descriptors(), its_own);
  expect_end(waiting);
}

TEST(ForkServer, ATemplateThatIsGoneIsReplaced) {
  const auto before = children().size();
  {
    ForkServer server(LXCELL_SUPERVISOR);
    auto first = forked(server);
    for (const pid_t child : children())
      if (child != first.process.pid()) ::kill(child, SIGKILL);
    // Its socket is closed before it can be waited for.
    for (const pid_t child : children()) {
      siginfo_t info{};
      if (child != first.process.pid()) ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
    }
    auto second = forked(server);
    EXPECT_FALSE(first.process.wait_exit(0)) << "a container outlives the template";
    expect_end(first);
    expect_end(second);
  }
  EXPECT_EQ(children().size(), before);
}

TEST(ForkServer, ATemplateThatDiesBeforeItForksIsAnErrorAndTheNextWorks) {
  const auto before = children().size();
  {
    ForkServer server(LXCELL_SUPERVISOR);
    auto first = forked(server);
    pid_t its = 0;
    for (const pid_t child : children())
      if (child != first.process.pid()) its = child;
    ::kill(its, SIGSTOP);
    auto [ours, theirs] = base::socket_pair(SOCK_SEQPACKET);
    server.fork(theirs, -1);
    theirs.reset();
    ::kill(its, SIGKILL);
    ControlSocket control(std::move(ours));
    EXPECT_THAT(message_of([&] { server.await_forked(control, soon()); }), testing::HasSubstr("its process has ended"));
    auto second = forked(server);
    expect_end(first);
    expect_end(second);
  }
  EXPECT_EQ(children().size(), before);
}

TEST(ForkServer, WhatCannotBeBornSaysWhy) {
  const auto before = children().size();
  {
    ForkServer server(LXCELL_SUPERVISOR);
    auto [ours, theirs] = base::socket_pair(SOCK_SEQPACKET);
    const base::Fd no_cgroup = base::open_file("/", O_RDONLY | O_DIRECTORY);
    server.fork(theirs, no_cgroup.get());
    theirs.reset();
    ControlSocket control(std::move(ours));
    const auto message = message_of([&] { server.await_forked(control, soon()); });
    EXPECT_THAT(message, testing::HasSubstr("cannot start supervisor '" LXCELL_SUPERVISOR "'"));
    EXPECT_THAT(message, testing::HasSubstr("Bad file descriptor"));
  }
  EXPECT_EQ(children().size(), before);
}

TEST(ForkServer, AProgramThatIsNotThereIsNamed) {
  ForkServer server("/no/such/supervisor");
  const auto pair = base::socket_pair(SOCK_SEQPACKET);
  EXPECT_THAT(message_of([&] { server.fork(pair.second, -1); }),
              testing::AllOf(testing::HasSubstr("'/no/such/supervisor'"), testing::HasSubstr("No such file")));
}

TEST(ForkServer, GoesWithTheDaemon) {
  const pid_t daemon = ::fork();
  ASSERT_GE(daemon, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (daemon == 0) {
    ForkServer server(LXCELL_SUPERVISOR);
    auto waiting = forked(server);
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(daemon, nullptr, 0);
  for (int i = 0; i < 500 && !children().empty(); ++i) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    ::usleep(10'000);
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  EXPECT_THAT(children(), testing::IsEmpty());
}

}  // namespace
}  // namespace container::test
