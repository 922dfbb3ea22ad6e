// Which files show the container's own figures, and who answers for them.
#include <gmock/gmock.h>

#include "container/plan_container.hpp"
#include "container/plan_fixture.hpp"

namespace container {
namespace {

using namespace plans;
using testing::HasSubstr;
using testing::Not;

TEST(Plan, WhatTheUserMountsOnAFileOfTheOwnViewWins) {
  auto facts = hybrid_host();
  facts.fuse = true;
  auto definition = web();
  definition.filesystems.push_back(
      {.type = domain_xml::FilesystemType::Mount, .source = "/srv/cpus", .target = "/proc/cpuinfo"});
  facts.sources["/srv/cpus"] = {};
  const std::string text = plan_text(definition, facts);
  EXPECT_THAT(text, HasSubstr("own meminfo on /proc/meminfo"));
  EXPECT_THAT(text, Not(HasSubstr("own cpuinfo")));
}

TEST(Plan, OwnViewIsTheSupervisorsOrLxcfss) {
  auto facts = hybrid_host();
  EXPECT_THAT(plan_text(web(), facts), Not(HasSubstr("meminfo"))) << "no FUSE, no lxcfs: the host's";
  facts.fuse = true;
  auto plan = plan_container(web(), facts, {});
  plan_cgroup_places(plan, facts.cgroups, {"/machine", "lxc-web.libvirt-lxc"});
  EXPECT_THAT(print_plan(plan), HasSubstr(R"(own meminfo on /proc/meminfo optional
own swaps on /proc/swaps optional
own cpuinfo on /proc/cpuinfo optional
own stat on /proc/stat optional
own uptime on /proc/uptime optional
own loadavg on /proc/loadavg optional
own diskstats on /proc/diskstats optional
own online on /sys/devices/system/cpu/online optional
own view of memory v1 /sys/fs/cgroup/memory/machine/lxc-web.libvirt-lxc cpus 
own view of time v1 /sys/fs/cgroup/cpu,cpuacct/machine/lxc-web.libvirt-lxc/payload disks v0  tasks /sys/fs/cgroup/unified/machine/lxc-web.libvirt-lxc/payload
)"));  // a host without cpuset
  facts.cgroups = v2_host().cgroups;
  plan = plan_container(web(), facts, {});
  plan_cgroup_places(plan, facts.cgroups, {"/machine", "lxc-web.libvirt-lxc"});
  EXPECT_THAT(print_plan(plan),
              HasSubstr("cgroup /sys/fs/cgroup/machine/lxc-web.libvirt-lxc/payload on /sys/fs/cgroup"));
  EXPECT_THAT(print_plan(plan), HasSubstr("own view of memory v2 /sys/fs/cgroup/machine/lxc-web.libvirt-lxc cpus "
                                          "/sys/fs/cgroup/machine/lxc-web.libvirt-lxc/payload\n"
                                          "own view of time v2 /sys/fs/cgroup/machine/lxc-web.libvirt-lxc/payload "
                                          "disks v2 /sys/fs/cgroup/machine/lxc-web.libvirt-lxc/payload "
                                          "tasks /sys/fs/cgroup/machine/lxc-web.libvirt-lxc/payload\n"));
  facts.lxcfs_files = {"/proc/meminfo", "/proc/uptime"};
  const auto text = plan_text(web(), facts);
  EXPECT_THAT(text, HasSubstr(R"(bind host /var/lib/lxcfs/proc/meminfo on /proc/meminfo ro,nosuid,nodev,noexec optional
bind host /var/lib/lxcfs/proc/uptime on /proc/uptime ro,nosuid,nodev,noexec optional
)"));
  EXPECT_THAT(text, Not(HasSubstr("own ")));
}

}  // namespace
}  // namespace container
