// Everything that tests/attack knows to try from inside a container, in a default one, in one with ids of its own, in
// those that have no user namespace, and, so that a refusal means something, where nothing confines the attacker.
//
// Against stock (compare-stock.sh --gtest_filter='AttackTest.*') the same is counted and nothing is demanded.
#include <cstdio>
#include <map>
#include <set>

#include "support/attacker.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;

constexpr std::size_t kLeastRefused = 60;

using Known = std::set<std::string>;

const char* const kHostsUsers =
    "  <lxcell:container xmlns:lxcell='urn:lxcell:domain:1.0'><lxcell:idmap mode='none'/></lxcell:container>\n";

const char* const kIdMap =
    "  <idmap>\n    <uid start='0' target='700000' count='65536'/>\n    <gid start='0' target='700000' "
    "count='65536'/>\n  </idmap>\n";

/// What no attempt may change.
std::map<std::string, std::string> host_state() {
  std::map<std::string, std::string> state;
  for (const char* path : {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/panic", "/proc/sys/kernel/hostname",
                           "/proc/sys/kernel/domainname", "/proc/sys/kernel/sysrq", "/proc/sys/vm/overcommit_memory",
                           "/proc/sys/fs/file-max", "/proc/sys/fs/suid_dumpable", "/proc/swaps",
                           "/sys/kernel/uevent_helper", "/sys/kernel/rcu_expedited", "/sys/kernel/mm/ksm/run"})
    state[path] = read_text(path);
  return state;
}

class AttackTest : public SystemTest {
 protected:
  AttackReport attack(const std::string& word, const std::string& elements, const std::string& features = "") {
    AttackRoot root;
    DomainXml definition = xml(word, root);
    definition.init = "/attacker";
    definition.elements = elements;
    definition.features = features;
    definition.arguments = host_.facts(definition.name, neighbour_name_, definition.memory_kib);
    definition.arguments.push_back("stay=1");
    if (host().is_stock() && !elements.empty()) root.give_to(700000);
    const Domain domain = create(definition);
    EXPECT_TRUE(root.wait_for_report()) << "the attacker did not come to its end";
    EXPECT_EQ(proc_file(getpid(), "mountinfo").find(host_.marker()), std::string::npos) << "a mount from inside";
    const AttackReport report = root.report();
    virDomainDestroy(domain);
    return report;
  }

  void judge(const std::string& what, const AttackReport& report, const Known& known) {
    const auto refused = report.named("refused"), through = report.let_through();
    std::printf("[ ATTACKS  ] %s: %zu attempts refused, %zu let through, %zu without anything to attack\n",
                what.c_str(), refused.size(), through.size(), report.named("absent").size());
    for (const auto& text : through) std::printf("[ ATTACKS  ]   let through: %s\n", text.c_str());
    EXPECT_TRUE(report.complete) << "the last line is of " << (report.lines.empty() ? "" : report.lines.back().name);
    EXPECT_EQ(host_state(), state_before_);
    if (host().is_stock()) return;
    EXPECT_GE(refused.size(), kLeastRefused);
    for (const auto& text : through)
      EXPECT_TRUE(known.contains(text.substr(0, text.find(':')))) << "let through: " << text;
  }

  /// One that runs beside the attacked one, to be seen by nobody.
  void start_neighbour() {
    neighbour_name_ = own_name("neighbour");
    neighbour_ = std::make_unique<Domain>(create(xml("neighbour", neighbour_root_)));
    ASSERT_TRUE(neighbour_root_.wait_ready());
  }

  const std::map<std::string, std::string> state_before_ = host_state();
  AttackedHost host_;
  Rootfs neighbour_root_;
  std::unique_ptr<Domain> neighbour_;
  std::string neighbour_name_;
};

/// Capabilities that libvirt's default policy leaves to a root that is the host's too (S12). Without a user namespace
/// one mounts proc or debugfs anew with CAP_SYS_ADMIN, beside whatever covers the first; without them all is refused.
const char* const kWithoutHostCapabilities =
    "<capabilities policy='default'><sys_admin state='off'/><sys_rawio state='off'/><syslog state='off'/>"
    "<sys_nice state='off'/><sys_ptrace state='off'/><dac_read_search state='off'/><sys_resource state='off'/>"
    "</capabilities>";

const Known kOfHostCapabilities = {"cgroup_raise_io_limit",
                                   "S1_proc_remount_each",
                                   "proc_mount_setattr_each",
                                   "proc_unmount_covers",
                                   "proc_move_covers",
                                   "proc_bind_without_covers",
                                   "proc_open_tree_without_covers",
                                   "proc_mount_anew",
                                   "proc_fsopen_anew",
                                   "S2_sys_remount_each",
                                   "sys_mount_setattr_each",
                                   "sys_bind_without_covers",
                                   "sys_open_tree_without_covers",
                                   "sys_mount_anew",
                                   "sys_fsopen_anew",
                                   "mount_debugfs",
                                   "mount_tracefs",
                                   "mount_securityfs",
                                   "mount_pstore",
                                   "mount_fusectl",
                                   "mount_devtmpfs",
                                   "mount_binfmt_misc",
                                   "mount_configfs",
                                   "mount_efivarfs",
                                   "ioprio_real_time",
                                   "sched_fifo",
                                   "sched_setattr_fifo",
                                   "oom_score"};

TEST_F(AttackTest, FromADefaultContainer_S1_to_S7) {
  start_neighbour();
  judge("default container", attack("attacker", ""), {});
  EXPECT_EQ(state_of(*neighbour_), VIR_DOMAIN_RUNNING);
}

TEST_F(AttackTest, FromAContainerWithoutAUserNamespace_S1_to_S7) {
  SKIP_ON_STOCK("has no other: see FromADefaultContainer");
  start_neighbour();
  judge("container without a user namespace", attack("attacker-host", kHostsUsers), kOfHostCapabilities);
  EXPECT_EQ(state_of(*neighbour_), VIR_DOMAIN_RUNNING);
}

TEST_F(AttackTest, FromAContainerWithoutTheHostsCapabilities_S1_to_S7_S12) {
  start_neighbour();
  judge("container without the host's capabilities",
        attack("attacker-few", host().is_stock() ? "" : kHostsUsers, kWithoutHostCapabilities), {});
  EXPECT_EQ(state_of(*neighbour_), VIR_DOMAIN_RUNNING);
}

TEST_F(AttackTest, FromAContainerWithAUserNamespace_S1_to_S7_S12) {
  start_neighbour();
  judge("container with a user namespace", attack("attacker-userns", kIdMap), {});
  EXPECT_EQ(state_of(*neighbour_), VIR_DOMAIN_RUNNING);
}

TEST_F(AttackTest, WhatIsRefusedIsPossibleWithoutConfinement) {
  SKIP_ON_STOCK("has no part in this");
  const AttackReport report = attack_unconfined(host_);
  const auto through = report.named("SUCCEEDED");
  std::printf("[ ATTACKS  ] unconfined: %zu attempts let through, %zu refused\n", through.size(),
              report.named("refused").size());
  for (const auto& line : report.lines)
    if (line.verdict != "SUCCEEDED")
      std::printf("[ ATTACKS  ]   %s: %s %s\n", line.verdict.c_str(), line.name.c_str(), line.detail.c_str());
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(host_state(), state_before_);
  EXPECT_GE(through.size(), kLeastRefused);
}

}  // namespace
