// The supervisor outlives daemons, keeps the exit status until one has taken it, and never outlives its purpose.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "container/supervisor_harness.hpp"

namespace container::test {
namespace {

using protocol::Type;
using SupervisorLifetime = SupervisorTest;

/// By the pidfd that came with Ready: a zombie nobody has reaped yet counts as ended.
bool ends_soon(const Message& ready) {
  pollfd one = {ready.fds.at(0).get(), POLLIN, 0};
  return poll(&one, 1, 5000) == 1;
}

std::string proc(pid_t pid, const std::string& file) {
  return read_text("/proc/" + std::to_string(pid) + "/" + file);
}

long field(const std::string& text, const std::string& name) {
  const auto at = text.find(name);
  return at == std::string::npos ? -1 : std::stol(text.substr(at + name.size()));
}

void use_user_namespace(ContainerPlan& plan) {
  plan.namespaces |= CLONE_NEWUSER;
  plan.uid_map = plan.gid_map = "0 100000 65536\n";
  plan.root_uid = plan.root_gid = 100000;
  plan.devpts_options = "newinstance,ptmxmode=0666,mode=0620,gid=100005";
}

TEST_F(SupervisorLifetime, LaterDaemonFindsTheContainerAndItsExitStatus) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "read line; exit 5"));
  const Message ready = supervisor.receive(Type::Ready);
  supervisor.drop_connection();
  supervisor.reconnect();
  supervisor.send(Type::Query);
  const Message status = supervisor.receive(Type::Status);
  EXPECT_EQ(status.status.init_pid, ready.status.init_pid);
  EXPECT_EQ(status.status.exited, 0U);
  EXPECT_EQ(status.fds.size(), 1U);
  EXPECT_STREQ(status.status.console_paths[0], ready.status.console_paths[0]);
  write_text(supervisor.open_console().get(), "\n");
  EXPECT_EQ(WEXITSTATUS(supervisor.finish()), 5);
}

TEST_F(SupervisorLifetime, ExitWhileNoDaemonIsConnectedIsToldToEachLaterOne) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "echo last words; kill -9 $$; read line; exit 4"));
  const Message ready = supervisor.receive(Type::Ready);
  const base::Fd viewer = supervisor.open_console();
  read_until(viewer.get(), "last words");
  supervisor.drop_connection();
  write_text(viewer.get(), "\n");
  ASSERT_TRUE(ends_soon(ready));
  for (int i = 0; i < 2; i++) {
    supervisor.reconnect();
    EXPECT_EQ(WEXITSTATUS(supervisor.receive(Type::Exited).status.wait_status), 4);
  }
  supervisor.send(Type::Query);
  EXPECT_EQ(supervisor.receive(Type::Status).status.exited, 1U);
  supervisor.send(Type::Release);
  EXPECT_EQ(supervisor.wait_end(), 0);
}

TEST_F(SupervisorLifetime, NewestConnectionWins) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "read line"));
  supervisor.receive(Type::Ready);
  const base::Fd old = std::move(supervisor.control());
  supervisor.reconnect();
  supervisor.send(Type::Query);
  supervisor.receive(Type::Status);
  char byte;
  EXPECT_EQ(read(old.get(), &byte, 1), 0);
}

TEST_F(SupervisorLifetime, StrangersAreTurnedAway) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "read line"));
  supervisor.receive(Type::Ready);
  chmod(image.beside("run/sock").c_str(), 0777);
  const base::Fd own = std::move(supervisor.control());
  ASSERT_EQ(seteuid(1000), 0);  // SO_PEERCRED has the effective uid of connect(2)
  supervisor.reconnect();
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_TRUE(supervisor.at_end_of_file());
  supervisor.control() = base::Fd(dup(own.get()));
  supervisor.send(Type::Query);
  supervisor.receive(Type::Status);
}

TEST_F(SupervisorLifetime, NonsenseAndEarlyReleaseDoNotEndTheContainer) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "read line; exit 3"));
  supervisor.receive(Type::Ready);
  supervisor.send(Type::Release);
  supervisor.send(static_cast<Type>(999));
  supervisor.send(Type::NetworkDone);
  supervisor.send(Type::Start);
  const base::Fd null = base::open_file("/dev/null", O_RDWR);
  supervisor.send(Type::OpenConsole, 7, null.get());
  supervisor.send(Type::OpenConsole, 0, null.get());
  supervisor.send(Type::OpenConsole);
  ASSERT_EQ(send(supervisor.control().get(), "short", 5, MSG_NOSIGNAL), 5);  // this one costs the connection
  EXPECT_TRUE(supervisor.at_end_of_file());
  supervisor.reconnect();
  write_text(supervisor.open_console().get(), "\n");
  EXPECT_EQ(WEXITSTATUS(supervisor.finish()), 3);
}

TEST_F(SupervisorLifetime, InitDiesWithItsSupervisorWhoeverItRunsAs) {
  for (const bool user_namespace : {false, true}) {
    for (const char* user : {"", "ada"}) {
      SCOPED_TRACE(std::string(user) + (user_namespace ? " in a user namespace" : ""));
      ContainerPlan plan = shell_plan(image, "busybox sleep 99");
      plan.init.user = user;
      if (user_namespace) use_user_namespace(plan);
      Supervisor supervisor(image);
      supervisor.start(plan);
      const Message ready = supervisor.receive(Type::Ready);
      kill(supervisor.pid(), SIGKILL);
      EXPECT_TRUE(supervisor.wait_end().has_value());
      EXPECT_TRUE(ends_soon(ready));
    }
  }
}

TEST_F(SupervisorLifetime, SignalsDoNotEndTheSupervisor) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "read line; exit 3"));
  supervisor.receive(Type::Ready);
  for (int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGCHLD}) kill(supervisor.pid(), number);
  write_text(supervisor.open_console().get(), "\n");
  EXPECT_EQ(WEXITSTATUS(supervisor.finish()), 3);
}

TEST_F(SupervisorLifetime, IsSmallIdleAndUnprivileged) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "echo hello; read line"));
  supervisor.receive(Type::Ready);
  read_until(supervisor.open_console().get(), "hello");
  std::this_thread::sleep_for(20ms);  // the viewer's end is noticed
  const long before = field(proc(supervisor.pid(), "status"), "\nvoluntary_ctxt_switches:");
  std::this_thread::sleep_for(150ms);
  const std::string status = proc(supervisor.pid(), "status");
  EXPECT_EQ(field(status, "\nvoluntary_ctxt_switches:"), before);
  EXPECT_THAT(status, ::testing::HasSubstr("Name:\tlxcell:web\n"));
  EXPECT_THAT(status, ::testing::HasSubstr("CapPrm:\t0000000000000020\n"));
  EXPECT_THAT(status, ::testing::HasSubstr("Threads:\t1\n"));
  const bool may_lower = prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 1;
  EXPECT_EQ(proc(supervisor.pid(), "oom_score_adj"), may_lower ? "-1000\n" : read_text("/proc/self/oom_score_adj"));
  const long pss = field(proc(supervisor.pid(), "smaps_rollup"), "\nPss:");
  RecordProperty("pss_kib", static_cast<int>(pss));
  EXPECT_LE(pss, 250);  // the budget of the design is 512
}

TEST_F(SupervisorLifetime, UserNamespaceWithIdmappedRootAndBind) {
  write_file(image.beside("run/data"), "x");
  ContainerPlan plan = shell_plan(
      image,
      "busybox stat -c '%u %g' /etc/passwd /mnt/data /dev/null /dev/console /dev; busybox cat /proc/self/uid_map; "
      "busybox touch /etc/made && busybox stat -c %u /etc/made; echo x >/dev/null && echo null works; read line");
  use_user_namespace(plan);
  plan.root_idmapped = true;
  MountStep bind;
  bind.kind = MountKind::Bind;
  bind.source = image.beside("run");
  bind.target = "/mnt";
  bind.create = CreateTarget::Directory;
  bind.idmapped = true;
  plan.mounts.push_back(bind);
  Supervisor supervisor(image);
  supervisor.start(plan);
  const Message ready = supervisor.receive(Type::Ready);
  const base::Fd viewer = supervisor.open_console();
  const std::string output = read_until(viewer.get(), "null works");
  EXPECT_THAT(output, ::testing::StartsWith(
                          "0 0\r\n0 0\r\n0 0\r\n0 5\r\n0 0\r\n         0     100000      65536\r\n0\r\nnull works"));
  struct stat made;
  ASSERT_EQ(stat(image.path("/etc/made").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, 0U);
  EXPECT_THAT(proc(ready.status.init_pid, "status"), ::testing::HasSubstr("\nUid:\t100000\t100000\t100000\t100000\n"));
  write_text(viewer.get(), "\n");
  supervisor.finish();
}

TEST_F(SupervisorLifetime, UserNamespaceWithTheImageShiftedByHand) {
  image.chown_to(100000);
  ContainerPlan plan =
      shell_plan(image, "busybox stat -c %u /etc/passwd /dev/tty1; busybox mount -t tmpfs none /mnt && echo mounted");
  use_user_namespace(plan);
  std::filesystem::create_directory(image.path("/mnt"));
  Supervisor supervisor(image);
  EXPECT_EQ(supervisor.run(plan), "0\r\n0\r\nmounted\r\n");
}

}  // namespace
}  // namespace container::test
