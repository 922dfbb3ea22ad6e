// Every step that can fail names itself, the errno and what it was about, and leaves nothing behind.
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include <functional>

#include "container/plan_codec.hpp"
#include "container/supervisor_harness.hpp"

namespace container::test {
namespace {

using protocol::Type;
using SupervisorFailure = SupervisorTest;
namespace fs = std::filesystem;

MountStep step(MountKind kind, const std::string& source, const std::string& target) {
  MountStep result;
  result.kind = kind;
  result.source = source;
  result.target = target;
  return result;
}

/// With ids as on the host: another process makes the mounts.
void use_user_namespace(ContainerPlan& plan) {
  plan.namespaces |= CLONE_NEWUSER;
  plan.uid_map = plan.gid_map = "0 0 4294967295\n";
}

struct Case {
  const char* step;
  int error;
  std::string object;
  std::function<void(ContainerPlan&)> spoil;
};

TEST_F(SupervisorFailure, EveryStepReportsItselfWithErrnoAndObject) {
  write_file(image.path("/etc/not-executable"), "#!/bin/sh\n");
  write_file(image.beside("file"), "");
  const Case cases[] = {
      {"open root", ENOENT, "/no/root", [](auto& plan) { plan.root_source = "/no/root"; }},
      {"open root", ENOTDIR, image.beside("file"), [&](auto& plan) { plan.root_source = image.beside("file"); }},
      {"open mount source", ENOENT, "/no/source",
       [](auto& plan) { plan.mounts.push_back(step(MountKind::Bind, "/no/source", "/tmp")); }},
      {"open mount source", ENOENT, "/no/inside",
       [](auto& plan) { plan.mounts.push_back(step(MountKind::BindInside, "/no/inside", "/tmp")); }},
      {"find mount target", ENOENT, "/no/target",
       [](auto& plan) { plan.mounts.push_back(step(MountKind::Bind, "/tmp", "/no/target")); }},
      {"find mount target", ENOTDIR, "/bin/busybox/x",
       [](auto& plan) {
         plan.mounts.push_back(step(MountKind::Bind, "/tmp", "/bin/busybox/x"));
         plan.mounts.back().create = CreateTarget::Directory;
       }},
      {"mount", ENOTDIR, "/bin/busybox",
       [](auto& plan) { plan.mounts.push_back(step(MountKind::Bind, "/tmp", "/bin/busybox")); }},
      {"mount", ENOTDIR, "/bin/busybox",
       [](auto& plan) {
         plan.mounts.push_back(step(MountKind::Bind, "/tmp", "/bin/busybox"));
         plan.mounts.back().detachable = true;
       }},
      {"mount", ENODEV, "/tmp", [](auto& plan) { plan.mounts[10].fstype = "nosuchfs"; }},
      {"mount", EINVAL, "/tmp", [](auto& plan) { plan.mounts[10].options = "size=1m,nosuchoption=1"; }},
      {"set mount attributes", EINVAL, "/bin",
       [](auto& plan) {
         plan.mounts.push_back(step(MountKind::Attributes, "", "/bin"));
         plan.mounts.back().attributes = MOUNT_ATTR_RDONLY;
       }},
      {"make device", EEXIST, "pts",
       [](auto& plan) {
         plan.nodes.push_back({"pts", 'c', 1, 3});
       }},
      {"make link in /dev", EEXIST, "null",
       [](auto& plan) {
         plan.links.push_back({"null", "zero"});
       }},
      {"make /dev", EINVAL, "mode=999", [](auto& plan) { plan.dev_options = "mode=999"; }},
      {"mount", EINVAL, "/dev/pts", [](auto& plan) { plan.devpts_options = "nonsense"; }},
      {"clone", EINVAL, "web", [](auto& plan) { plan.namespaces |= CLONE_FS; }},
      {"write id map", EINVAL, "nonsense",
       [](auto& plan) {
         plan.namespaces |= CLONE_NEWUSER;
         plan.uid_map = plan.gid_map = "nonsense";
       }},
      {"set host name", EINVAL, std::string(70, 'a'), [](auto& plan) { plan.hostname = std::string(70, 'a'); }},
      {"find user", 0, "nobody-here", [](auto& plan) { plan.init.user = "nobody-here"; }},
      {"find group", 0, "no-group", [](auto& plan) { plan.init.group = "no-group"; }},
      {"change directory", ENOENT, "/no/directory", [](auto& plan) { plan.init.directory = "/no/directory"; }},
      {"load seccomp program", EINVAL, "web", [](auto& plan) { plan.seccomp = "12345678"; }},
      {"raise ambient capability", EPERM, "web", [](auto& plan) { plan.capabilities.ambient = 1; }},
      {"exec", ENOENT, "/no/init", [](auto& plan) { plan.init.path = "/no/init"; }},
      {"exec", EACCES, "/etc/not-executable", [](auto& plan) { plan.init.path = "/etc/not-executable"; }},
      {"exec", EACCES, "/etc", [](auto& plan) { plan.init.path = "/etc"; }},
      {"read plan", E2BIG, "consoles", [](auto& plan) { plan.consoles = protocol::kMaxConsoles + 1; }},
  };
  const std::string mounts_before = read_text("/proc/self/mountinfo");
  for (const Case& one : cases) {
    for (const bool user_namespace : {false, true}) {
      SCOPED_TRACE(std::string(one.step) + " " + one.object + (user_namespace ? " in a user namespace" : ""));
      ContainerPlan plan = shell_plan(image, "true");
      if (user_namespace) use_user_namespace(plan);
      one.spoil(plan);
      Supervisor supervisor(image);
      const auto failed = supervisor.fail(plan);
      EXPECT_STREQ(failed.step, one.step);
      EXPECT_EQ(failed.error, one.error);
      EXPECT_EQ(failed.object, one.object);
    }
  }
  EXPECT_EQ(read_text("/proc/self/mountinfo"), mounts_before);
}

TEST_F(SupervisorFailure, DamagedPlanIsRefused) {
  Supervisor supervisor(image);
  supervisor.start_bytes("this is no plan");
  const Message message = supervisor.receive(Type::Failed);
  EXPECT_STREQ(message.failed.step, "read plan");
  EXPECT_STREQ(message.failed.object, "contents");
}

TEST_F(SupervisorFailure, InitKilledWhileItPreparesIsReported) {
  ContainerPlan plan = shell_plan(image, "true");
  plan.wait_for_network = true;
  Supervisor supervisor(image);
  supervisor.start(plan);
  supervisor.receive(Type::NetworkReady);
  const std::string children = read_text("/proc/" + std::to_string(supervisor.pid()) + "/task/" +
                                         std::to_string(supervisor.pid()) + "/children");
  ASSERT_FALSE(children.empty());
  kill(std::stoi(children), SIGKILL);
  const Message message = supervisor.receive(Type::Failed);
  EXPECT_STREQ(message.failed.step, "prepare init");
  EXPECT_STREQ(message.failed.object, "killed by signal 9");
}

TEST_F(SupervisorFailure, BuilderKilledWhileItWorksIsReported) {
  ContainerPlan plan = shell_plan(image, "true");
  use_user_namespace(plan);
  plan.wait_for_network = true;
  Supervisor supervisor(image);
  supervisor.start(plan, false);  // so that it waits for the cgroups
  supervisor.receive(Type::NetworkReady);
  const std::string of_supervisor = "/proc/" + std::to_string(supervisor.pid());
  const std::string children = read_text(of_supervisor + "/task/" + std::to_string(supervisor.pid()) + "/children");
  const std::size_t second = children.find(' ');
  ASSERT_NE(second, std::string::npos);
  ASSERT_NE(children.find_first_of("0123456789", second), std::string::npos) << children;
  kill(std::stoi(children.substr(second)), SIGKILL);
  const Message message = supervisor.receive(Type::Failed);
  EXPECT_STREQ(message.failed.step, "prepare init");
  EXPECT_STREQ(message.failed.object, "exit status 1");
}

TEST_F(SupervisorFailure, DaemonGoneBeforeReadyEndsTheHalfMadeContainer) {
  ContainerPlan plan = shell_plan(image, "true");
  plan.wait_for_network = true;
  plan.mounts.push_back(step(MountKind::Bind, "/tmp", "/made/here"));
  plan.mounts.back().create = CreateTarget::Directory;
  Supervisor supervisor(image);
  supervisor.start(plan);
  supervisor.receive(Type::NetworkReady);
  supervisor.drop_connection();
  EXPECT_TRUE(supervisor.wait_end().has_value());
  EXPECT_FALSE(fs::exists(image.path("/made")));
}

}  // namespace
}  // namespace container::test
