// Containers on a host with AppArmor: each under a profile of its own and the one shared by all, which refuse what is
// the host's even where every other confinement is off.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <vector>

#include "support/fixture.hpp"

namespace {

using namespace support;

constexpr const char* kProfiles = "/sys/kernel/security/apparmor/profiles";

class AppArmorTest : public SystemTest {
 protected:
  void SetUp() override {
    if (!read_text("/sys/module/apparmor/parameters/enabled").starts_with('Y') || !exists(kProfiles))
      GTEST_SKIP() << "this kernel enforces no AppArmor policy";
    if (!have_program("apparmor_parser")) GTEST_SKIP() << "apparmor_parser is not installed";
    SKIP_ON_STOCK("profiles of another name");
    NEEDS_OWN_DAEMON();
  }

  static DomainXml labelled(DomainXml definition, const std::string& seclabel) {
    definition.elements += seclabel;
    return definition;
  }
  static constexpr const char* kNone = "<seclabel type='none' model='apparmor'/>";
};

std::string own_profile(virDomainPtr domain) {
  return "lxcell-" + uuid_of(domain);
}

bool loaded(const std::string& profile) {
  return ("\n" + read_text(kProfiles)).find("\n" + profile + " (") != std::string::npos;
}

std::string kernel_label(virDomainPtr domain) {
  const std::string text = proc_file(init_pid(domain), "attr/apparmor/current");
  return text.substr(0, text.find('\n'));
}

std::string label_in_xml(virDomainPtr domain) {
  return xpath(dump(domain), "string(/domain/seclabel[@model='apparmor']/label)");
}

TEST_F(AppArmorTest, EveryContainerRunsUnderAProfileOfItsOwnAndTheSharedOne) {
  Rootfs root;
  const Domain domain = define_and_start(xml("label", root));
  ASSERT_TRUE(root.wait_ready());
  const std::string label = label_in_xml(domain);
  EXPECT_NE(label.find(own_profile(domain)), std::string::npos) << label;
  EXPECT_NE(label.find("lxcell-container"), std::string::npos) << label;
  EXPECT_EQ(kernel_label(domain), label + " (enforce)");
  EXPECT_TRUE(loaded(own_profile(domain)));

  const std::string live = dump(domain);
  EXPECT_EQ(xpath(live, "string(/domain/seclabel/@type)"), "dynamic");
  EXPECT_EQ(xpath(live, "string(/domain/seclabel/@relabel)"), "yes");
  EXPECT_EQ(xpath(live, "string(/domain/seclabel/imagelabel)"), label);
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "count(/domain/seclabel)"), "0");

  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_FALSE(loaded(own_profile(domain)));
}

TEST_F(AppArmorTest, ClientsAreToldTheModelAndTheLabel) {
  Rootfs root;
  const Domain domain = define_and_start(xml("ask", root));
  virSecurityModel model{};
  ASSERT_TRUE(ok(virNodeGetSecurityModel(connection_, &model)));
  EXPECT_STREQ(model.model, "apparmor");
  virSecurityLabel label{};
  ASSERT_TRUE(ok(virDomainGetSecurityLabel(domain, &label)));
  EXPECT_EQ(label.label, label_in_xml(domain));
  EXPECT_EQ(label.enforcing, 1);
  virSecurityLabelPtr all = nullptr;
  ASSERT_EQ(virDomainGetSecurityLabelList(domain, &all), 1);
  EXPECT_STREQ(all[0].label, label.label);
  free(all);
  char* capabilities = virConnectGetCapabilities(connection_);
  ASSERT_NE(capabilities, nullptr);
  EXPECT_EQ(xpath(capabilities, "string(/capabilities/host/secmodel/model)"), "apparmor");
  free(capabilities);
}

TEST_F(AppArmorTest, TypeNoneIsUnconfinedAndAStaticLabelIsTakenAsItIs) {
  Rootfs root;
  const Domain free_one = define_and_start(labelled(xml("none", root), kNone));
  EXPECT_EQ(kernel_label(free_one), "unconfined");

  const std::string profile = own_name("static"), file = scratch() + "/static-profile";
  write_text(file,
             "abi <abi/3.0>,\nprofile " + profile +
                 " flags=(attach_disconnected) {\n capability,\n file,\n network,\n signal,\n ptrace,\n mount,\n}\n");
  ASSERT_EQ(run({"apparmor_parser", "--replace", "--skip-cache", file}).status, 0);
  Rootfs other;
  const Domain fixed = define_and_start(labelled(
      xml("static", other), "<seclabel type='static' model='apparmor'><label>" + profile + "</label></seclabel>"));
  EXPECT_EQ(kernel_label(fixed), profile + " (enforce)");
  ASSERT_TRUE(ok(virDomainDestroy(fixed)));
  EXPECT_TRUE(loaded(profile)) << "it is not ours";
  run({"apparmor_parser", "--remove", file});
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.at(values.size() / 2);
}

/// By turns, so that whatever else the machine does is both's.
TEST_F(AppArmorTest, ConfiningTakesASmallShareOfAStart) {
  Rootfs root, other;
  const Domain confined = define(xml("confined", root)), unconfined = define(labelled(xml("free", other), kNone));
  std::vector<double> with, without;
  const auto milliseconds_of_start = [](virDomainPtr domain) {
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(ok(virDomainCreate(domain)));
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - before;
    EXPECT_TRUE(ok(virDomainDestroy(domain)));
    return taken.count();
  };
  for (int round = 0; round < 21; ++round) {
    with.push_back(milliseconds_of_start(confined));
    without.push_back(milliseconds_of_start(unconfined));
  }
  std::printf("[ APPARMOR ] a start takes %.2f ms confined, %.2f ms unconfined (medians of 21)\n", median(with),
              median(without));
  EXPECT_LT(median(with), 2 * median(without));
}

TEST_F(AppArmorTest, AStartThatFailsLeavesNoProfile) {
  Rootfs root;
  DomainXml definition = xml("failing", root);
  definition.init = "/no/such/program";
  const Domain domain = define(definition);
  EXPECT_FALSE(ok(virDomainCreate(domain)));
  EXPECT_FALSE(loaded(own_profile(domain)));
}

TEST_F(AppArmorTest, AProfileOutlivesTheDaemonWithItsContainerAndGoesWithIt) {
  Daemon daemon(make_folder("apparmor"));
  daemon.start();
  Rootfs root;
  std::string profile;
  pid_t supervisor = -1;
  {
    const Connection connection(virConnectOpen(daemon.uri().c_str()));
    const Domain domain(virDomainDefineXML(connection, xml("outlive", root).text().c_str()));
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    profile = own_profile(domain);
    supervisor = id_of(domain);
  }
  daemon.kill();
  EXPECT_TRUE(loaded(profile));
  daemon.start();
  {
    const Connection connection(virConnectOpen(daemon.uri().c_str()));
    const Domain domain(virDomainLookupByName(connection, own_name("outlive").c_str()));
    EXPECT_EQ(kernel_label(domain), label_in_xml(domain) + " (enforce)");
  }
  daemon.kill();
  ASSERT_EQ(::kill(supervisor, SIGKILL), 0);
  daemon.start();
  EXPECT_FALSE(loaded(profile)) << "the daemon has looked after it before it answers";
}

TEST_F(AppArmorTest, DefaultsAreTheAdministrators) {
  Daemon daemon(make_folder("apparmor-config"));
  write_text(daemon.root() + "/conf", "security_require_confined = 1\n");
  Daemon strict(make_folder("apparmor-strict"), {"--config", daemon.root() + "/conf"});
  strict.start();
  Rootfs root;
  const Connection connection(virConnectOpen(strict.uri().c_str()));
  const Domain free_one(virDomainDefineXML(connection, labelled(xml("strict", root), kNone).text().c_str()));
  EXPECT_FALSE(ok(virDomainCreate(free_one)));
  EXPECT_NE(std::string(virGetLastErrorMessage()).find("unconfined domains are not allowed"), std::string::npos);
  const Domain domain(virDomainDefineXML(connection, xml("confined", root).text().c_str()));
  EXPECT_TRUE(ok(virDomainCreate(domain)));
}

/// What root inside tries with every other confinement off: one line "NAME done" or "NAME refused" each.
constexpr const char* kAttempts = R"(
try() { name=$1; shift; if "$@" 2>/dev/null; then echo "$name done"; else echo "$name refused"; fi >> /result; }
writable() { ( : >> "$1" ) 2>/dev/null; }  # in a shell of its own, which it may end
mkdir -p /x/proc /x/other /x/kernel-wide /x/bound /x/moved /x/tmp
try mount-proc mount -t proc proc /x/proc
try mount-tmpfs mount -t tmpfs tmpfs /x/tmp
try sysctl-of-network writable /x/proc/sys/net/core/somaxconn
try proc-elsewhere mount -t proc proc /x/other
try sysctl-kernel writable /x/proc/sys/kernel/panic
try sysctl-vm writable /x/proc/sys/vm/swappiness
try sysctl-fs writable /x/proc/sys/fs/file-max
try core-pattern writable /x/proc/sys/kernel/core_pattern
try sysrq writable /x/proc/sysrq-trigger
mount -o bind /x/proc/sys/kernel /x/bound
try core-pattern-bound writable /x/bound/core_pattern
try irq writable /x/proc/irq/default_smp_affinity
try bind-over-net-sysctls mount -o bind /x/proc/sys/kernel /x/proc/sys/net/core
try securityfs mount -t securityfs securityfs /x/kernel-wide
try debugfs mount -t debugfs debugfs /x/kernel-wide
try tracefs mount -t tracefs tracefs /x/kernel-wide
try configfs mount -t configfs configfs /x/kernel-wide
try bpf mount -t bpf bpf /x/kernel-wide
mkdir -p /x/sys
try mount-sysfs mount -t sysfs sysfs /x/sys
try sys-module writable /x/sys/module/printk/parameters/time
try uevent-helper writable /x/sys/kernel/profiling
: > /ready
exec sleep 100000
)";

DomainXml attacker(DomainXml definition) {
  definition.features += "<capabilities policy='allow'/>";
  definition.elements +=
      "<lxcell:container xmlns:lxcell='urn:lxcell:domain:1.0'><lxcell:seccomp "
      "profile='unconfined'/></lxcell:container>";
  return definition;
}

TEST_F(AppArmorTest, S1S2S3TheHostsSettingsAreRefusedWithoutAnyOtherConfinement) {
  Rootfs confined_root(kAttempts), free_root(kAttempts);
  const Domain confined = create(attacker(xml("attacker", confined_root)));
  const Domain free_one = create(attacker(labelled(xml("free", free_root), kNone)));
  ASSERT_TRUE(confined_root.wait_ready());
  ASSERT_TRUE(free_root.wait_ready());
  const std::string result = confined_root.read("result"), without = free_root.read("result");
  for (const char* name : {"mount-proc", "mount-tmpfs", "sysctl-of-network", "mount-sysfs"})
    EXPECT_NE(result.find(std::string(name) + " done"), std::string::npos) << name << "\n" << result;
  int refused = 0;
  for (const char* name : {"proc-elsewhere", "sysctl-kernel", "sysctl-vm", "sysctl-fs", "core-pattern", "sysrq",
                           "core-pattern-bound", "irq", "bind-over-net-sysctls", "securityfs", "debugfs", "tracefs",
                           "configfs", "bpf", "sys-module", "uevent-helper"}) {
    EXPECT_NE(result.find(std::string(name) + " refused"), std::string::npos) << name << "\n" << result;
    // What is refused without the profile too proves nothing: not every kernel has everything.
    refused += without.find(std::string(name) + " done") != std::string::npos ? 1 : 0;
  }
  std::printf("refused by AppArmor alone: %d\n", refused);
  EXPECT_GE(refused, 10) << without;
}

TEST_F(AppArmorTest, ProcessesOfOthersAreOutOfReachEvenOfOneThatSeesThem) {
  if (!have_program("aa-exec")) GTEST_SKIP() << "aa-exec is not installed";
  Rootfs one_root, other_root;
  const Domain one = create(xml("one", one_root)), other = create(xml("other", other_root));
  // A process in the host's namespaces, but under the container's label.
  const auto signal_as_one = [&](pid_t pid) {
    return run({"aa-exec", "-p", label_in_xml(one), "--", "/bin/kill", "-0", std::to_string(pid)});
  };
  EXPECT_EQ(signal_as_one(init_pid(one)).status, 0) << signal_as_one(init_pid(one)).text;
  EXPECT_NE(signal_as_one(init_pid(other)).status, 0);
  EXPECT_NE(signal_as_one(host().daemon()->pid()).status, 0);
  const auto look_as_one = [&](pid_t pid) {  // needs the right to ptrace
    return run({"aa-exec", "-p", label_in_xml(one), "--", "/bin/readlink", "/proc/" + std::to_string(pid) + "/exe"});
  };
  EXPECT_EQ(look_as_one(init_pid(one)).status, 0) << look_as_one(init_pid(one)).text;
  EXPECT_NE(look_as_one(init_pid(other)).status, 0);
  EXPECT_NE(look_as_one(host().daemon()->pid()).status, 0);
}

TEST_F(AppArmorTest, WhoEntersAContainerGetsItsLabel) {
  Rootfs root;
  const Domain domain = define_and_start(xml("enter", root));
  const Output output = run({"virsh", "-c", host().uri(), "lxc-enter-namespace", own_name("enter"), "--", "/bin/cat",
                             "/proc/self/attr/apparmor/current"});
  EXPECT_NE(output.text.find(label_in_xml(domain) + " (enforce)"), std::string::npos) << output.text;
}

TEST_F(AppArmorTest, UserNamespacesAreConfinedToo) {
  Rootfs root;
  const Domain domain =
      create(labelled(xml("idmap", root),
                      "<idmap><uid start='0' target='200000' count='65536'/><gid start='0' target='200000' "
                      "count='65536'/></idmap>"));
  ASSERT_TRUE(root.wait_ready());
  EXPECT_EQ(kernel_label(domain), label_in_xml(domain) + " (enforce)");
}

/// This host's own system in a container, its changes kept in memory.
DomainXml whole_system(DomainXml definition) {
  definition.memory_kib = 1 << 20;
  definition.root = "/";
  definition.init = "/lib/systemd/systemd";
  definition.elements += "<lxcell:container xmlns:lxcell='urn:lxcell:domain:1.0'><lxcell:overlay/></lxcell:container>";
  return definition;
}

/// Units that failed, once everything has started that starts.
std::string failed_units(virDomainPtr domain) {
  eventually([&] { return exists("/proc/" + std::to_string(init_pid(domain)) + "/root/run/systemd/private"); },
             scaled(Milliseconds(60000)));
  enter(domain, {"/usr/bin/systemctl", "is-system-running", "--wait"});
  return enter(domain, {"/usr/bin/systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"}).text;
}

TEST_F(AppArmorTest, ASystemBootsAndWorksAsItDoesUnconfined) {
  if (!exists("/run/systemd/system")) GTEST_SKIP() << "systemd is not pid 1";
  const Domain free_one = create(labelled(whole_system(xml("free-system")), kNone));
  const std::string without = failed_units(free_one);
  ASSERT_TRUE(ok(virDomainDestroy(free_one)));
  const Domain domain = create(whole_system(xml("system")));
  EXPECT_EQ(kernel_label(domain), label_in_xml(domain) + " (enforce)");
  EXPECT_EQ(failed_units(domain), without);
  // By its systemd, so that they have its label.
  const auto works = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"/usr/bin/systemd-run", "--wait", "--quiet", "--pipe"});
    const Output output = enter(domain, words);
    EXPECT_EQ(output.status, 0) << words.back() << "\n" << output.text;
    return output.text;
  };
  EXPECT_NE(works({"cat", "/proc/self/attr/apparmor/current"}).find("lxcell-container"), std::string::npos);
  works({"-p", "PrivateTmp=yes", "-p", "PrivateDevices=yes", "-p", "ProtectSystem=strict", "-p",
         "ProtectKernelTunables=yes", "-p", "ProtectControlGroups=yes", "true"});
  works({"unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"});
  works({"sh", "-c", "mkdir -p /run/n && mount -t overlay -o lowerdir=/usr:/etc n /run/n && umount /run/n"});
  works({"sh", "-c", "ip link add v0 type veth peer name v1 && echo 1 > /proc/sys/net/ipv4/conf/v0/forwarding"});
}

}  // namespace
