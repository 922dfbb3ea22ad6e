// What the container sees (container-environment.md), looked at from the host through init's /proc and from inside.
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "support/fixture.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

std::set<std::string> split(const std::string& text, char separator) {
  std::set<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    if (!part.empty()) parts.insert(part);
  }
  return parts;
}

struct Mount {
  std::string type, options;  // options of the mount and of the file system, each with a comma before and after
};

/// The topmost mount on each target.
std::map<std::string, Mount> mounts_of(pid_t pid) {
  std::map<std::string, Mount> mounts;
  std::istringstream lines(proc_file(pid, "mountinfo"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string skip, target, options, type, source, super;
    words >> skip >> skip >> skip >> skip >> target >> options;
    while (words >> skip && skip != "-") {
    }
    words >> type >> source >> super;
    mounts[target] = {type, "," + options + "," + super + ","};
  }
  return mounts;
}

/// One container for all tests here: init is sleep itself, so nothing but the driver made its environment.
class EnvironmentTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    connection_ = std::make_unique<Connection>(host().connect());
    root_ = std::make_unique<Rootfs>();
    DomainXml definition;
    definition.name = own_name("environment._x");
    definition.uuid = "6ba7b814-9dad-11d1-80b4-00c04fd430c8";
    definition.root = root_->path();
    definition.init = "/bin/sleep";
    definition.arguments = {"100000", "0"};
    definition.os = "    <initenv name='COLOUR'>blue sky</initenv>\n    <initenv name='TERM'>vt100</initenv>\n";
    domain_ = std::make_unique<Domain>(virDomainCreateXML(*connection_, definition.text().c_str(), 0));
    ASSERT_TRUE(*domain_) << describe(last_failure());
    wait_for_init(*domain_);
    init_ = init_pid(*domain_);
    // Stock answers before init has been exec'ed.
    ASSERT_TRUE(eventually([] { return proc_file(init_, "comm") == "sleep\n"; }));
  }
  static void TearDownTestSuite() {
    remove_own_domains(*connection_);
    domain_.reset();
    root_.reset();
    connection_.reset();
  }

  static std::string inside(const std::string& path) { return "/proc/" + std::to_string(init_) + "/root" + path; }

  static inline std::unique_ptr<Connection> connection_;
  static inline std::unique_ptr<Rootfs> root_;
  static inline std::unique_ptr<Domain> domain_;
  static inline pid_t init_ = -1;
};

TEST_F(EnvironmentTest, ArgumentsAreInitAndItsArguments) {
  EXPECT_EQ(proc_file(init_, "cmdline"), std::string("/bin/sleep\0"
                                                     "100000\0"
                                                     "0\0",
                                                     20));
}

TEST_F(EnvironmentTest, EnvironmentIsExactlyTheDocumentedSet) {
  const std::string uuid = "6ba7b814-9dad-11d1-80b4-00c04fd430c8";
  const std::set<std::string> expected = {"PATH=/bin:/sbin",
                                          "TERM=vt100",
                                          "container=lxc-libvirt",
                                          "HOME=/",
                                          "container_uuid=" + uuid,
                                          "LIBVIRT_LXC_UUID=" + uuid,
                                          "LIBVIRT_LXC_NAME=" + own_name("environment._x"),
                                          "COLOUR=blue sky"};
  auto seen = split(proc_file(init_, "environ"), '\0');
  if (seen.contains("TERM=linux")) seen.erase("TERM=linux");  // stock passes both; the later one, ours, counts
  EXPECT_EQ(seen, expected);
}

TEST_F(EnvironmentTest, HostNameIsTheFilteredDomainName) {
  EXPECT_EQ(enter(*domain_, {"/bin/hostname"}).text, prefix() + "-environmentx\n");
}

TEST_F(EnvironmentTest, WorkingDirectoryIsTheRoot) {
  EXPECT_EQ(proc_link(init_, "cwd"), "/");
}

TEST_F(EnvironmentTest, OnlyTheConsoleIsOpen) {
  std::set<std::string> open;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(init_) + "/fd"))
    open.insert(entry.path().filename());
  EXPECT_EQ(open, (std::set<std::string>{"0", "1", "2"}));
  struct stat console = {};
  ASSERT_EQ(stat(inside("/dev/console").c_str(), &console), 0);
  for (const char* fd : {"fd/0", "fd/1", "fd/2"}) {
    struct stat status = {};
    ASSERT_EQ(stat(("/proc/" + std::to_string(init_) + "/" + fd).c_str(), &status), 0);
    EXPECT_EQ(status.st_rdev, console.st_rdev) << fd;
  }
}

TEST_F(EnvironmentTest, InitLeadsASessionWithoutATerminal) {
  EXPECT_TRUE(status_value(init_, "NSsid").ends_with("\t1"));
  const std::string stat = proc_file(init_, "stat");
  std::istringstream words(stat.substr(stat.rfind(')') + 1));
  std::string state, parent, group, session, terminal;
  words >> state >> parent >> group >> session >> terminal;
  EXPECT_EQ(terminal, "0");
}

TEST_F(EnvironmentTest, InitIsRootWithoutStockDroppedCapabilities) {
  EXPECT_EQ(status_value(init_, "Uid"), "0\t0\t0\t0");
  EXPECT_EQ(status_value(init_, "Gid"), "0\t0\t0\t0");
  // In a user namespace one has those that nobody on this machine has.
  const auto own = host().is_stock() ? std::stoull(status_value(getpid(), "CapBnd"), nullptr, 16)
                                     : (2ULL << std::stoul(read_text("/proc/sys/kernel/cap_last_cap"))) - 1;
  const auto dropped =
      1ULL << 16 | 1ULL << 25 | 1ULL << 27 | 1ULL << 30 | 1ULL << 33;  // module, time, mknod, audit, mac_admin
  for (const char* set : {"CapBnd", "CapEff", "CapPrm"}) {
    EXPECT_EQ(std::stoull(status_value(init_, set), nullptr, 16), own & ~dropped) << set;
  }
}

TEST_F(EnvironmentTest, NamespacesAreItsOwn) {
  for (const char* kind : {"ns/pid", "ns/mnt", "ns/ipc", "ns/uts", "ns/net"}) {
    EXPECT_NE(proc_link(init_, kind), proc_link(getpid(), kind)) << kind;
    EXPECT_NE(proc_link(init_, kind), "") << kind;
  }
  EXPECT_EQ(proc_link(init_, "ns/user") == proc_link(getpid(), "ns/user"), host().is_stock()) << "no idmap";
  EXPECT_TRUE(status_value(init_, "NSpid").ends_with("\t1"));
}

TEST_F(EnvironmentTest, CgroupNamespaceIsItsOwn) {
  SKIP_ON_STOCK("no cgroup namespace: containers see and change each other's cgroups (S7)");
  EXPECT_NE(proc_link(init_, "ns/cgroup"), proc_link(getpid(), "ns/cgroup"));
}

TEST_F(EnvironmentTest, OnlyItsOwnProcessesAreVisible) {
  const Output seen = enter_shell(*domain_, "for p in /proc/[0-9]*; do echo ${p#/proc/}; done");
  const auto pids = split(seen.text, '\n');
  EXPECT_TRUE(pids.contains("1"));
  EXPECT_LE(pids.size(), 3U) << seen.text;
}

TEST_F(EnvironmentTest, KernelFileSystems) {
  auto mounts = mounts_of(init_);
  EXPECT_EQ(mounts["/proc"].type, "proc");
  EXPECT_EQ(mounts["/proc/sys"].type, "proc");
  EXPECT_EQ(mounts["/sys"].type, "sysfs");
  EXPECT_EQ(mounts["/dev"].type, "tmpfs");
  EXPECT_EQ(mounts["/dev/pts"].type, "devpts");
  for (const char* target : {"/proc", "/proc/sys", "/sys"}) {
    for (const char* option : {",nosuid,", ",nodev,", ",noexec,"}) {
      EXPECT_NE(mounts[target].options.find(option), std::string::npos) << target << " " << mounts[target].options;
    }
  }
  for (const char* target : {"/proc/sys", "/sys"}) {
    EXPECT_EQ(mounts[target].options.rfind(",ro,", 0), 0U) << target << " " << mounts[target].options;
  }
  EXPECT_NE(mounts["/dev"].options.find(",nosuid,"), std::string::npos) << mounts["/dev"].options;
  EXPECT_NE(mounts["/dev"].options.find(",mode=755,"), std::string::npos) << mounts["/dev"].options;
  EXPECT_NE(mounts["/dev/pts"].options.find(",ptmxmode=666,"), std::string::npos) << mounts["/dev/pts"].options;
  EXPECT_NE(mounts["/dev/pts"].options.find(",mode=620,"), std::string::npos) << mounts["/dev/pts"].options;
  EXPECT_NE(mounts["/dev/pts"].options.find(",gid=5,"), std::string::npos) << mounts["/dev/pts"].options;
}

TEST_F(EnvironmentTest, NothingOfTheHostIsMounted) {
  for (const auto& [target, mount] : mounts_of(init_)) {
    EXPECT_EQ(target.find("oldroot"), std::string::npos);
    EXPECT_TRUE(target == "/" || target.starts_with("/proc") || target.starts_with("/sys") ||
                target.starts_with("/dev"))
        << target << " " << mount.type;
  }
}

TEST_F(EnvironmentTest, DeviceNodes) {
  const std::map<std::string, dev_t> nodes = {{"null", makedev(1, 3)},    {"zero", makedev(1, 5)},
                                              {"full", makedev(1, 7)},    {"random", makedev(1, 8)},
                                              {"urandom", makedev(1, 9)}, {"tty", makedev(5, 0)}};
  for (const auto& [name, device] : nodes) {
    struct stat status = {};
    ASSERT_EQ(stat(inside("/dev/" + name).c_str(), &status), 0) << name;
    EXPECT_TRUE(S_ISCHR(status.st_mode)) << name;
    EXPECT_EQ(status.st_rdev, device) << name;
    EXPECT_EQ(status.st_mode & 07777, 0666U) << name;
    EXPECT_EQ(status.st_uid, 0U) << name;
  }
  for (const char* name : {"console", "tty1"}) {
    struct stat status = {};
    ASSERT_EQ(stat(inside("/dev/" + std::string(name)).c_str(), &status), 0) << name;
    EXPECT_EQ(major(status.st_rdev), 136U) << name;
    EXPECT_EQ(status.st_mode & 07777, 0620U) << name;
    EXPECT_EQ(status.st_gid, 5U) << name;
  }
  struct stat ptmx = {};
  ASSERT_EQ(stat(inside("/dev/ptmx").c_str(), &ptmx), 0);
  EXPECT_EQ(ptmx.st_rdev, makedev(5, 2));
  EXPECT_EQ(ptmx.st_mode & 0666, 0666U);
  const std::map<std::string, std::string> links = {{"stdin", "/proc/self/fd/0"},
                                                    {"stdout", "/proc/self/fd/1"},
                                                    {"stderr", "/proc/self/fd/2"},
                                                    {"fd", "/proc/self/fd"}};
  for (const auto& [name, target] : links) EXPECT_EQ(fs::read_symlink(inside("/dev/" + name)), target) << name;
}

TEST_F(EnvironmentTest, NoOtherDeviceNodes) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(inside("/dev"))) names.insert(entry.path().filename());
  for (const char* extra : {"mqueue", "shm"}) names.erase(extra);  // folders, which an image may have asked for
  EXPECT_EQ(names, (std::set<std::string>{"console", "fd", "full", "null", "ptmx", "pts", "random", "stderr", "stdin",
                                          "stdout", "tty", "tty1", "urandom", "zero"}));
}

TEST_F(EnvironmentTest, NewTerminalsWork) {
  const Output output = enter_shell(*domain_, "exec 3<>/dev/ptmx && ls /dev/pts");
  EXPECT_EQ(output.status, 0) << output.text;
  EXPECT_NE(output.text.find("ptmx"), std::string::npos) << output.text;
}

TEST_F(EnvironmentTest, LoopbackIsUp) {
  const Output output = enter_shell(*domain_, "ping -c 1 -w 5 127.0.0.1");
  EXPECT_EQ(output.status, 0) << output.text;
}

TEST_F(EnvironmentTest, SupervisorIsItsParentAndHoldsNothingOfTheHost) {
  const auto id = static_cast<int>(virDomainGetID(*domain_));
  EXPECT_EQ(status_value(init_, "PPid"), std::to_string(id));
}

TEST_F(EnvironmentTest, SeccompFilterIsOn_S8) {
  SKIP_ON_STOCK("no seccomp filter (S8)");
  EXPECT_EQ(status_value(init_, "Seccomp"), "2");
}

TEST_F(EnvironmentTest, DangerousKernelFilesCannotBeWritten) {
  SKIP_ON_STOCK("sysrq and sysctls can be written from inside (S1, S3)");
  for (const char* file : {"/proc/sysrq-trigger", "/proc/sys/kernel/panic", "/sys/kernel/uevent_helper"}) {
    EXPECT_NE(enter_shell(*domain_, std::string(": >> ") + file).status, 0) << file;
  }
}

TEST_F(EnvironmentTest, TheKernelsOwnFilesAreHidden) {
  SKIP_ON_STOCK("shows the host's memory, log and keys");
  for (const char* file :
       {"kcore", "kmsg", "kallsyms", "keys", "key-users", "kpagecount", "kpageflags", "timer_list", "interrupts"})
    EXPECT_EQ(enter_shell(*domain_, std::string("! test -e /proc/") + file + " || head -c 100 /proc/" + file).text, "")
        << file;
  for (const char* folder : {"/proc/acpi", "/proc/scsi", "/proc/asound", "/sys/firmware", "/sys/kernel/debug"})
    EXPECT_EQ(enter_shell(*domain_, std::string("! test -e ") + folder + " || ls -A " + folder).text, "") << folder;
}

TEST_F(EnvironmentTest, LimitedDevicePolicy) {
  const std::string rules = control_file(*domain_, "devices/devices.list", "no such file");
  if (rules.empty()) GTEST_SKIP() << "on cgroup v2 the device policy is a program that cannot be read back";
  EXPECT_EQ(rules.find("a *:* rwm"), std::string::npos) << rules;
  for (const char* rule :
       {"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"}) {
    EXPECT_NE(rules.find(rule), std::string::npos) << rule << " is not in\n" << rules;
  }
}

/// Definitions that differ from the plain one; a container each.
class InitSettingsTest : public SystemTest {};

TEST_F(InitSettingsTest, UserGroupAndDirectory) {
  Rootfs root;
  DomainXml definition = xml("init", root);
  definition.init = "/bin/sleep";
  definition.arguments = {"100000"};
  definition.os = "    <initdir>/tmp</initdir>\n    <inituser>worker</inituser>\n    <initgroup>workers</initgroup>\n";
  const Domain domain = create(definition);
  const pid_t init = init_pid(domain);
  ASSERT_TRUE(eventually([&] { return proc_file(init, "comm") == "sleep\n"; }));
  EXPECT_EQ(status_value(init, "Uid"), "1000\t1000\t1000\t1000");
  EXPECT_EQ(status_value(init, "Gid"), "1001\t1001\t1001\t1001");
  EXPECT_TRUE(split(status_value(init, "Groups"), ' ').contains("1002")) << status_value(init, "Groups");
  EXPECT_EQ(proc_link(init, "cwd"), "/tmp");
  struct stat console = {};
  ASSERT_EQ(stat(("/proc/" + std::to_string(init) + "/root/dev/console").c_str(), &console), 0);
  EXPECT_EQ(console.st_uid, 1000U) << "the console is its own";
}

TEST_F(InitSettingsTest, UserByNumber) {
  Rootfs root;
  DomainXml definition = xml("init", root);
  definition.init = "/bin/sleep";
  definition.arguments = {"100000"};
  definition.os = "    <inituser>1000</inituser>\n";
  const Domain domain = create(definition);
  const pid_t init = init_pid(domain);
  ASSERT_TRUE(eventually([&] { return proc_file(init, "comm") == "sleep\n"; }));
  EXPECT_EQ(status_value(init, "Uid"), "1000\t1000\t1000\t1000");
}

TEST_F(InitSettingsTest, UnknownUserIsNamed) {
  Rootfs root;
  DomainXml definition = xml("init", root);
  definition.os = "    <inituser>nobody-such</inituser>\n";
  EXPECT_TRUE(fails_with(VIR_ERR_INTERNAL_ERROR, virDomainCreateXML(connection_, definition.text().c_str(), 0)));
  EXPECT_NE(last_failure().message.find("nobody-such"), std::string::npos) << last_failure().message;
}

TEST_F(InitSettingsTest, SeveralConsolesAreNamedInTheEnvironment) {
  Rootfs root;
  DomainXml definition = xml("init", root);
  definition.consoles = 3;
  const Domain domain = create(definition);
  ASSERT_TRUE(root.wait_ready());
  const pid_t init = init_pid(domain);
  EXPECT_TRUE(split(proc_file(init, "environ"), '\0').contains("container_ttys=pts/1 pts/2"))
      << proc_file(init, "environ");
  EXPECT_TRUE(exists("/proc/" + std::to_string(init) + "/root/dev/tty3"));
}

TEST_F(InitSettingsTest, CapabilitiesByPolicy) {
  Rootfs root;
  DomainXml definition = xml("init", root);
  definition.features = "<capabilities policy='deny'><chown state='on'/><kill state='on'/></capabilities>";
  const Domain domain = create(definition);
  const pid_t init = init_pid(domain);
  ASSERT_TRUE(root.wait_ready());
  EXPECT_EQ(std::stoull(status_value(init, "CapBnd"), nullptr, 16), 1ULL << 0 | 1ULL << 5);
}

TEST_F(InitSettingsTest, HostFoldersAreMounted) {
  Rootfs root;
  const std::string shared = make_folder("shared");
  const std::string fixed = make_folder("fixed");
  write_text(fixed + "/given", "from the host\n");
  fs::create_directories(root / "shared");
  fs::create_directories(root / "fixed");
  root.set_init(R"(cat /fixed/given > /shared/seen
if echo x > /fixed/new; then echo writable; else echo read-only; fi > /shared/verdict 2>/dev/null
: > /ready
sleep 100000
)");
  DomainXml definition = xml("init", root);
  definition.devices = mount_filesystem(shared, "/shared") + mount_filesystem(fixed, "/fixed", true);
  const Domain domain = create(definition);
  ASSERT_TRUE(root.wait_ready());
  EXPECT_EQ(read_text(shared + "/seen"), "from the host\n");
  EXPECT_EQ(read_text(shared + "/verdict"), "read-only\n");
  EXPECT_FALSE(exists(fixed + "/new"));
}

TEST_F(InitSettingsTest, ReadOnlyRoot) {
  Rootfs root;
  const std::string shared = make_folder("shared");
  fs::create_directories(root / "shared");
  root.set_init(R"(if echo x > /new; then echo writable; else echo read-only; fi > /shared/verdict 2>/dev/null
: > /shared/ready
sleep 100000
)");
  DomainXml definition = xml("init");
  definition.devices = mount_filesystem(root.path(), "/", true) + mount_filesystem(shared, "/shared");
  const Domain domain = create(definition);
  ASSERT_TRUE(eventually([&] { return exists(shared + "/ready"); }));
  EXPECT_EQ(read_text(shared + "/verdict"), "read-only\n");
  EXPECT_FALSE(root.has("new"));
}

TEST_F(InitSettingsTest, CgroupPathsOfTheHostAreHidden_S7) {
  SKIP_ON_STOCK("no cgroup namespace: containers see and change each other's cgroups (S7)");
  Rootfs root;
  root.set_init("cat /proc/self/cgroup > /paths\nfind /sys/fs/cgroup -name '*lxc*' > /found\n" +
                std::string(init::kObedient));
  create(xml("init", root));
  ASSERT_TRUE(root.wait_ready());
  EXPECT_NE(root.read("paths"), "");
  EXPECT_EQ(root.read("paths").find(own_name("init")), std::string::npos) << root.read("paths");
  EXPECT_EQ(root.read("found"), "");
}

TEST_F(InitSettingsTest, MountsInsideStayInside) {
  Rootfs root;
  root.set_init("mount -t tmpfs inside /mnt && : > /mnt/secret\n: > /ready\nsleep 100000\n");
  const Domain domain = create(xml("init", root));
  ASSERT_TRUE(root.wait_ready());
  EXPECT_FALSE(root.has("mnt/secret"));
  EXPECT_EQ(proc_file(getpid(), "mountinfo").find(root.path() + "/mnt"), std::string::npos);
}

TEST_F(InitSettingsTest, NoInterfaceMeansNoNetworkUnlessStock_S9) {
  Rootfs root;
  DomainXml definition = xml("init", root);
  definition.private_network = false;
  const Domain domain = create(definition);
  const pid_t init = init_pid(domain);
  ASSERT_TRUE(root.wait_ready());
  if (host().is_stock()) {
    EXPECT_EQ(proc_link(init, "ns/net"), proc_link(getpid(), "ns/net")) << "the host's (S9)";
    return;
  }
  EXPECT_NE(proc_link(init, "ns/net"), proc_link(getpid(), "ns/net"));
  EXPECT_EQ(enter_shell(domain, "ls /sys/class/net").text, "lo\n");
}

TEST_F(InitSettingsTest, NoRootFilesystemIsRefused_S10) {
  SKIP_ON_STOCK("the host's whole tree is shared, read-write (S10)");
  const Domain domain = define(xml("init"));
  EXPECT_TRUE(fails_with(VIR_ERR_CONFIG_UNSUPPORTED, virDomainCreate(domain)));
  EXPECT_NE(last_failure().message.find("filesystem"), std::string::npos) << last_failure().message;
}

}  // namespace
