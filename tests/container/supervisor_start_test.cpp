// What init finds when it starts: identity, descriptors, mounts, devices.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "container/supervisor_harness.hpp"

namespace container::test {
namespace {

using protocol::Type;
using SupervisorStart = SupervisorTest;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;
using namespace std::string_literals;

MountStep host_bind(const std::string& source, const std::string& target,
                    CreateTarget create = CreateTarget::Directory) {
  MountStep step;
  step.kind = MountKind::Bind;
  step.source = source;
  step.target = target;
  step.create = create;
  return step;
}

TEST_F(SupervisorStart, RunsInitAndReportsItsExitStatus) {
  Supervisor supervisor(image);
  supervisor.start(shell_plan(image, "exit 7"));
  const Message ready = supervisor.receive(Type::Ready);
  EXPECT_EQ(ready.fds.size(), 1U);
  EXPECT_GT(ready.status.init_pid, 0);
  EXPECT_EQ(ready.status.consoles, 1U);
  const int status = supervisor.finish();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_F(SupervisorStart, RebootAndPowerOffShowAsTheKernelsSignals) {
  for (const auto& [command, signal] : {std::pair{"reboot -f", SIGHUP}, std::pair{"poweroff -f", SIGINT}}) {
    Supervisor supervisor(image);
    supervisor.start(shell_plan(image, std::string("busybox ") + command + "; sleep 9"));
    supervisor.receive(Type::Ready);
    const int status = supervisor.finish();
    EXPECT_TRUE(WIFSIGNALED(status)) << command;
    EXPECT_EQ(WTERMSIG(status), signal) << command;
  }
}

ContainerPlan sleeping_plan(const Image& image) {
  ContainerPlan plan = shell_plan(image, "");
  plan.init.arguments = {"sleep", "99"};
  return plan;
}

TEST_F(SupervisorStart, InitHasOnlyTheThreeStandardDescriptors) {
  Supervisor supervisor(image);
  supervisor.start(sleeping_plan(image));
  const Message ready = supervisor.receive(Type::Ready);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(ready.status.init_pid) + "/fd")) {
    names.push_back(entry.path().filename().string() + " " + fs::read_symlink(entry.path()).string());
  }
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("0 /dev/pts/0", "1 /dev/pts/0", "2 /dev/pts/0"));
}

TEST_F(SupervisorStart, SignalsAndSessionAreFresh) {
  signal(SIGUSR1, SIG_IGN);  // must not reach the container
  Supervisor supervisor(image);
  supervisor.start(sleeping_plan(image));
  signal(SIGUSR1, SIG_DFL);
  const Message ready = supervisor.receive(Type::Ready);
  const std::string status = read_text("/proc/" + std::to_string(ready.status.init_pid) + "/status");
  EXPECT_THAT(status, HasSubstr("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t0\nSeccomp:\t0\n"));
  EXPECT_THAT(status, HasSubstr("Umask:\t0022\n"));
}

TEST_F(SupervisorStart, InitLeadsItsOwnSessionWithoutTerminal) {
  Supervisor supervisor(image);
  EXPECT_EQ(supervisor.run(shell_plan(image, "busybox awk '{print $5, $6, $7}' /proc/1/stat; pwd; busybox hostname")),
            "1 1 0\r\n/\r\nweb\r\n");
}

TEST_F(SupervisorStart, EnvironmentAndArgumentsAreExactlyThePlans) {
  ContainerPlan plan = shell_plan(image, "");
  plan.init.arguments = {"sh", "-c", "busybox tr '\\0' '\\n' </proc/1/environ; echo \"$0|$1\"", "zero", "one two"};
  Supervisor supervisor(image);
  EXPECT_EQ(supervisor.run(plan), "PATH=/bin:/sbin\r\nTERM=linux\r\ncontainer=lxc-libvirt\r\nzero|one two\r\n");
}

TEST_F(SupervisorStart, CapabilitiesAreThePlans) {
  ContainerPlan plan = shell_plan(image, "busybox grep ^Cap /proc/1/status");
  plan.capabilities.bounding = 0x20c3;
  plan.capabilities.inheritable = 0x1;
  Supervisor supervisor(image);
  EXPECT_EQ(supervisor.run(plan),
            "CapInh:\t0000000000000001\r\nCapPrm:\t00000000000020c3\r\nCapEff:\t00000000000020c3\r\n"
            "CapBnd:\t00000000000020c3\r\nCapAmb:\t0000000000000000\r\n");
}

TEST_F(SupervisorStart, UserComesFromTheContainersDatabasesAndOwnsItsTerminal) {
  ContainerPlan plan =
      shell_plan(image,
                 "busybox grep -E '^(Uid|Gid|Groups|CapEff|CapAmb)' /proc/1/status; busybox stat -c %u "
                 "/dev/console /dev/null; pwd");
  plan.init.user = "ada";
  plan.init.directory = "/tmp";
  plan.capabilities.bounding = plan.capabilities.inheritable = plan.capabilities.ambient = 0x2000;
  plan.no_new_privs = true;
  Supervisor supervisor(image);
  EXPECT_EQ(supervisor.run(plan),
            "Uid:\t1000\t1000\t1000\t1000\r\nGid:\t1001\t1001\t1001\t1001\r\nGroups:\t29 1001 \r\n"
            "CapEff:\t0000000000002000\r\nCapAmb:\t0000000000002000\r\n1000\r\n0\r\n/tmp\r\n");
}

TEST_F(SupervisorStart, SeccompProgramIsLoadedWithoutNoNewPrivsEvenForAnotherUser) {
  // ld [nr]; jeq mkdir: return EPERM; return allow
  const std::uint16_t program[][4] = {{0x20, 0, 0, 0}, {0x15, 0x0100, 83, 0}, {0x06, 0, 1, 5}, {0x06, 0, 0, 0x7fff}};
  ContainerPlan plan = shell_plan(image, "busybox mkdir /tmp/x; busybox grep -E '^(Seccomp:|NoNew)' /proc/1/status");
  plan.seccomp.assign(reinterpret_cast<const char*>(program), sizeof program);
  plan.init.user = "1000";
  Supervisor supervisor(image);
  const std::string output = supervisor.run(plan);
  EXPECT_THAT(output, HasSubstr("Operation not permitted"));
  EXPECT_THAT(output, HasSubstr("NoNewPrivs:\t0\r\nSeccomp:\t2\r\n"));
}

TEST_F(SupervisorStart, Personality32Bit) {
  ContainerPlan plan = shell_plan(image, "busybox uname -m");
  plan.personality_32bit = true;
  Supervisor supervisor(image);
  EXPECT_EQ(supervisor.run(plan), "i686\r\n");
}

TEST_F(SupervisorStart, NothingOfTheHostIsMounted) {
  Supervisor supervisor(image);
  const std::string output =
      supervisor.run(shell_plan(image, "busybox awk '{print $5}' /proc/1/mountinfo | busybox sort; busybox ls -1A /"));
  EXPECT_EQ(output,
            "/\r\n/dev\r\n/dev/console\r\n/dev/ptmx\r\n/dev/pts\r\n/dev/tty1\r\n/proc\r\n/proc/bus\r\n/proc/keys\r\n/"
            "proc/sys\r\n"
            "/proc/sys/net\r\n/sys\r\n/sys/firmware\r\n/tmp\r\n"
            "bin\r\ndev\r\netc\r\nproc\r\nroot\r\nsys\r\ntmp\r\n");
}

// Defect L4: stock leaves a directory .oldroot in the image.
TEST_F(SupervisorStart, L4_LeavesNoOldRootInTheImage) {
  Supervisor supervisor(image);
  supervisor.run(shell_plan(image, "true"));
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(image.path())) names.push_back(entry.path().filename());
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("bin", "proc", "sys", "dev", "etc", "tmp", "root"));
}

// Defect L5: stock makes a missing root directory on the host.
TEST_F(SupervisorStart, L5_MissingRootIsReportedAndNotMade) {
  ContainerPlan plan = shell_plan(image, "true");
  plan.root_source = image.beside("missing");
  Supervisor supervisor(image);
  const auto failed = supervisor.fail(plan);
  EXPECT_STREQ(failed.step, "open root");
  EXPECT_EQ(failed.error, ENOENT);
  EXPECT_EQ(failed.object, plan.root_source);
  EXPECT_FALSE(fs::exists(plan.root_source));
}

// Defect L6: stock forgets the mount points it makes in the image.
TEST_F(SupervisorStart, L6_MadeMountPointsAreReported) {
  write_file(image.beside("file"), "from the host");
  fs::create_directory(image.path("/srv"));
  ContainerPlan plan = shell_plan(image, "busybox cat /srv/deep/er/file; busybox ls -d /opt/data");
  plan.mounts.push_back(host_bind(image.beside("file"), "/srv/deep//er/file", CreateTarget::File));
  plan.mounts.push_back(host_bind(image.beside("run"), "/opt/data"));
  plan.mounts.push_back(host_bind(image.beside("run"), "/tmp/not-in-the-image"));
  Supervisor supervisor(image);
  supervisor.start(plan);
  const Message ready = supervisor.receive(Type::Ready);
  const std::string created(ready.status.created, ready.status.created_size);
  EXPECT_EQ(created, "/srv/deep\0/srv/deep//er\0/srv/deep//er/file\0/opt\0/opt/data\0"s);
  supervisor.finish();
}

TEST_F(SupervisorStart, L6_MadeMountPointsAreRemovedWhenTheStartFails) {
  ContainerPlan plan = shell_plan(image, "true");
  plan.mounts.push_back(host_bind(image.beside("run"), "/opt/data"));
  plan.init.path = "/no/such/init";
  Supervisor supervisor(image);
  EXPECT_STREQ(supervisor.fail(plan).step, "exec");
  EXPECT_FALSE(fs::exists(image.path("/opt")));
}

TEST_F(SupervisorStart, ReadOnlyRootStillGetsItsMountPoints) {
  ContainerPlan plan = shell_plan(image, "busybox touch /etc/x; busybox touch /opt/data/y && echo writable");
  plan.root_readonly = true;
  plan.mounts.push_back(host_bind(image.beside("run"), "/opt/data"));
  Supervisor supervisor(image);
  const std::string output = supervisor.run(plan);
  EXPECT_THAT(output, HasSubstr("Read-only file system"));
  EXPECT_THAT(output, HasSubstr("writable"));
  EXPECT_FALSE(fs::exists(image.path("/etc/x")));
}

TEST_F(SupervisorStart, BindsTakeTheirAttributesAndOptionalOnesMayBeMissing) {
  ContainerPlan plan = shell_plan(image, "busybox touch /mnt/x; busybox ls -d /mnt /gone");
  plan.mounts.push_back(host_bind(image.beside("run"), "/mnt"));
  plan.mounts.back().attributes = MOUNT_ATTR_RDONLY;
  plan.mounts.push_back(host_bind(image.beside("missing"), "/gone"));
  plan.mounts.back().optional = true;
  Supervisor supervisor(image);
  const std::string output = supervisor.run(plan);
  EXPECT_THAT(output, HasSubstr("touch: /mnt/x: Read-only file system"));
  EXPECT_THAT(output, HasSubstr("ls: /gone: No such file"));
}

TEST_F(SupervisorStart, MaskedPathsAreEmpty) {
  ContainerPlan plan =
      shell_plan(image, "busybox wc -c </proc/keys; busybox ls -1A /sys/firmware; busybox mkdir /sys/firmware/x");
  Supervisor supervisor(image);
  const std::string output = supervisor.run(plan);
  EXPECT_THAT(output, HasSubstr("0\r\nmkdir: can't create directory '/sys/firmware/x': Read-only file system"));
}

TEST_F(SupervisorStart, DevHasTheStandardNodesAndNestedOnes) {
  ContainerPlan plan = shell_plan(image,
                                  "busybox stat -c '%n %F %a %t,%T' /dev/null /dev/net/tun /dev/console /dev/tty2; "
                                  "busybox readlink /dev/fd; echo x >/dev/null "
                                  "&& busybox ls -1 /dev");
  plan.nodes.push_back({"net/tun", 'c', 10, 200, 0700});
  plan.consoles = 2;
  Supervisor supervisor(image);
  EXPECT_EQ(
      supervisor.run(plan),
      "/dev/null character special file 666 1,3\r\n/dev/net/tun character special file 700 a,c8\r\n"
      "/dev/console character special file 620 88,0\r\n/dev/tty2 character special file 620 88,1\r\n/proc/self/fd\r\n"
      "console\r\nfd\r\nfull\r\nnet\r\nnull\r\nptmx\r\npts\r\nrandom\r\nstdin\r\nstdout\r\ntty\r\ntty1\r\ntty2\r\nurand"
      "om\r\nzero\r\n");
}

TEST_F(SupervisorStart, LoopbackIsUp) {
  Supervisor supervisor(image);
  EXPECT_THAT(supervisor.run(shell_plan(image, "busybox ip link show lo")), HasSubstr("<LOOPBACK,UP"));
}

TEST_F(SupervisorStart, InitWaitsForTheNetwork) {
  ContainerPlan plan = shell_plan(image, "echo up");
  plan.wait_for_network = true;
  Supervisor supervisor(image);
  supervisor.start(plan);
  const Message network = supervisor.receive(Type::NetworkReady);
  ASSERT_EQ(network.fds.size(), 2U);
  struct stat ours, theirs;
  ASSERT_EQ(stat("/proc/self/ns/net", &ours), 0);
  ASSERT_EQ(fstat(network.fds[1].get(), &theirs), 0);
  EXPECT_NE(ours.st_ino, theirs.st_ino);
  supervisor.send(Type::NetworkDone);
  supervisor.receive(Type::Ready);
  EXPECT_EQ(supervisor.finish(), 0);
}

TEST_F(SupervisorStart, HostMountPropagationEndsAtTheImage) {
  // The root of most hosts is shared; a tmpfs stands in for it here, whatever this host has.
  const std::string shared = image.beside("shared");
  fs::create_directory(shared);
  const base::Fd own_mounts = base::open_file("/proc/self/ns/mnt", O_RDONLY);
  ASSERT_EQ(unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(std::system(("mount --make-rprivate / && mount -t tmpfs none " + shared + " && mount --make-shared " +
                         shared + " && cp -a " + image.path("/.") + " " + shared)
                            .c_str()),
            0);
  ContainerPlan plan = shell_plan(image, "busybox sleep 9");
  plan.root_source = shared;
  Supervisor supervisor(image);
  supervisor.start(plan);
  supervisor.receive(Type::Ready);
  const std::string seen = read_text("/proc/self/mountinfo");
  ASSERT_EQ(setns(own_mounts.get(), CLONE_NEWNS), 0);
  EXPECT_THAT(seen, HasSubstr(shared));
  EXPECT_THAT(seen, Not(HasSubstr(shared + "/dev")));
}

// An image full of symlinks that point at the host: every target must stay inside.
TEST_F(SupervisorStart, HostileImageCannotMoveAMountOut) {
  const std::string outside = image.beside("outside");
  for (const char* name : {"proc", "dev", "sys"}) {
    fs::create_directories(outside + "/" + name);
    fs::remove(image.path("/") + name);
    fs::create_symlink("../../../../../../../../.." + outside + "/" + name, image.path("/") + name);
  }
  Supervisor supervisor(image);
  ContainerPlan plan = shell_plan(image, "busybox true");
  const auto failed = supervisor.fail(plan);  // the link dangles inside, and a link is never replaced
  EXPECT_STREQ(failed.step, "find mount target");
  EXPECT_STREQ(failed.object, "/dev");
  EXPECT_EQ(failed.error, EEXIST);

  for (const char* name : {"proc", "dev", "sys"}) fs::create_directories(image.path(outside + "/" + name));
  Supervisor again(image);
  plan = shell_plan(image, "busybox awk '{print $5}' /proc/1/mountinfo");
  plan.mounts.pop_back();  // the tmpfs on /tmp, which would cover them
  EXPECT_THAT(again.run(plan), HasSubstr(outside + "/proc\r\n"));
  for (const char* name : {"proc", "dev", "sys"}) EXPECT_TRUE(fs::is_empty(outside + "/" + name));
}

TEST_F(SupervisorStart, HostileDatabasesAreNotOpened) {
  fs::remove(image.path("/etc/passwd"));
  ASSERT_EQ(mkfifo(image.path("/etc/passwd").c_str(), 0644), 0);
  ContainerPlan plan = shell_plan(image, "true");
  plan.init.user = "ada";
  Supervisor supervisor(image);
  EXPECT_STREQ(supervisor.fail(plan).step, "find user");
}

}  // namespace
}  // namespace container::test
