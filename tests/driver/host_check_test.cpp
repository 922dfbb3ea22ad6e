#include "driver/host_check.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace driver {
namespace {

using container::HostOffers;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using Verdict = HostFinding::Verdict;

HostOffers everything() {
  HostOffers offers;
  offers.kernel_major = 6;
  offers.kernel_minor = 1;
  offers.namespaces = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
  offers.user_namespaces = 15000;
  offers.seccomp = offers.unified = offers.systemd = true;
  offers.cgroup_controllers = {"cpu", "cpuset", "memory", "pids", "io", "devices", "freezer"};
  offers.file_systems = {{"proc", ""}, {"tmpfs", ""}, {"overlay", ""}};
  offers.links = {{"bridge", ""}, {"veth", ""}, {"macvlan", ""}, {"bandwidth", ""}};
  offers.fuse = offers.lxcfs = offers.ovs = offers.apparmor = true;
  offers.ptys = 4096;
  offers.inotify_instances = 8192;
  return offers;
}

HostServices all_services() {
  return {.siblings = {{"virtnetworkd", true}}, .subordinate_ids = true, .idmap_user = "root", .apparmor_parser = true};
}

/// What is said when `offers` is all that is less than everything.
std::vector<HostFinding> complaints(const HostOffers& offers, const HostServices& services = all_services()) {
  auto findings = judge_host(offers, services);
  std::erase_if(findings, [](const HostFinding& finding) { return finding.verdict == Verdict::Pass; });
  return findings;
}

testing::Matcher<HostFinding> finding(Verdict verdict, const std::string& what, const std::string& remedy) {
  return AllOf(Field(&HostFinding::verdict, verdict), Field(&HostFinding::what, what),
               Field(&HostFinding::remedy, HasSubstr(remedy)));
}

TEST(HostCheck, AHostWithEverythingPasses) {
  const auto findings = judge_host(everything(), all_services());
  EXPECT_THAT(findings, Each(Field(&HostFinding::verdict, Verdict::Pass)));
  EXPECT_THAT(findings, Each(Field(&HostFinding::remedy, "")));
}

TEST(HostCheck, WithoutWhatEveryContainerNeedsNoneStarts) {
  auto offers = everything();
  offers.kernel_major = 4;
  EXPECT_THAT(complaints(offers), testing::ElementsAre(finding(Verdict::Fail, "Linux 5.12 or later", "this is 4.1")));
  offers = everything();
  offers.namespaces.erase("net");
  EXPECT_THAT(complaints(offers), testing::ElementsAre(finding(Verdict::Fail, "namespace 'net'", "kernel")));
  offers = everything();
  offers.file_systems["proc"] = "No such device";
  EXPECT_THAT(complaints(offers), testing::ElementsAre(finding(Verdict::Fail, "file system 'proc'", "No such device")));
}

TEST(HostCheck, WhatAContainerWouldSeeOfTheHostIsNamed) {
  auto offers = everything();
  offers.lxcfs = false;
  EXPECT_THAT(complaints(offers), testing::IsEmpty()) << "the supervisor serves the same files";
  offers.fuse = false;
  EXPECT_THAT(complaints(offers), testing::ElementsAre(finding(Verdict::Warn, "/dev/fuse", "modprobe fuse")));
  offers.lxcfs = true;
  offers.namespaces.erase("time");
  EXPECT_THAT(complaints(offers), testing::ElementsAre(finding(Verdict::Warn, "namespace 'time'", "sysinfo")));
}

TEST(HostCheck, AMissingControllerNamesTheLimitThatIsRefused) {
  auto offers = everything();
  offers.cgroup_controllers.erase("memory");
  EXPECT_THAT(complaints(offers), testing::ElementsAre(finding(Verdict::Warn, "cgroup v2 controller 'memory'",
                                                               "boot with cgroup_enable=memory")));
  offers.unified = false;
  offers.cgroup_controllers = {"cpu", "cpuacct", "cpuset", "memory", "pids", "blkio", "freezer"};
  EXPECT_THAT(complaints(offers), testing::ElementsAre(finding(Verdict::Warn, "cgroup v1 controller 'devices'", "")));
}

TEST(HostCheck, WhatCannotBeMadeIsOnlyMissedByThoseThatAskForIt) {
  auto offers = everything();
  offers.links["macvlan"] = "Operation not supported";
  offers.file_systems["overlay"] = "No such device";
  EXPECT_THAT(complaints(offers),
              testing::UnorderedElementsAre(finding(Verdict::Warn, "link 'macvlan'", "modprobe macvlan"),
                                            finding(Verdict::Warn, "file system 'overlay'", "modprobe overlay")));
}

TEST(HostCheck, UserNamespacesMayBeForbiddenByANumber) {
  auto offers = everything();
  offers.user_namespaces = 0;
  EXPECT_THAT(complaints(offers),
              testing::ElementsAre(finding(Verdict::Warn, "namespace 'user'", "user.max_user_namespaces")));
}

TEST(HostCheck, ServicesThatDoNotListenAreNamed) {
  auto services = all_services();
  services.siblings["virtstoraged"] = false;
  services.subordinate_ids = false;
  services.idmap_user = "containers";
  EXPECT_THAT(complaints(everything(), services),
              testing::UnorderedElementsAre(
                  finding(Verdict::Warn, "libvirt's virtstoraged", "systemctl start virtstoraged.socket"),
                  finding(Verdict::Warn, "subordinate ids of 'containers'", "usermod --add-subuids")));
}

TEST(HostCheck, EachFindingIsALineWithItsRemedy) {
  EXPECT_EQ(format_findings({{Verdict::Pass, "/dev/fuse", ""}, {Verdict::Fail, "namespace 'net'", "upgrade"}}),
            "lxcell: checking for /dev/fuse                                : PASS\n"
            "lxcell: checking for namespace 'net'                          : FAIL (upgrade)\n");
}

}  // namespace
}  // namespace driver
