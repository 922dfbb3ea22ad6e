// Golden plans: what a definition becomes, compared as text.
#include <gmock/gmock.h>

#include "base/error.hpp"
#include "container/plan_container.hpp"
#include "container/plan_fixture.hpp"

namespace container {
namespace {

using namespace plans;
using testing::HasSubstr;
using testing::Not;

TEST(Plan, SmallestContainer) {
  EXPECT_EQ(plan_text(web()),
            R"(container web
hostname web
namespaces cgroup ipc mnt net pid user uts
uid map 0 0 4294967295
gid map 0 0 4294967295
root /srv/web
dev size=64k,nr_inodes=4096,mode=755
node null c 1:3 666
node zero c 1:5 666
node full c 1:7 666
node random c 1:8 666
node urandom c 1:9 666
node tty c 5:0 666
link fd -> /proc/self/fd
link stdin -> /proc/self/fd/0
link stdout -> /proc/self/fd/1
link stderr -> /proc/self/fd/2
consoles 1 newinstance,max=512,ptmxmode=0666,mode=0620,gid=5
mount proc on /proc nosuid,nodev,noexec (make directory)
bind /proc/sys on /proc/sys nosuid,nodev,noexec
bind /proc/sys/net on /proc/sys/net nosuid,nodev,noexec
remount /proc/sys ro,nosuid,nodev,noexec
bind /proc/sysrq-trigger on /proc/sysrq-trigger ro,nosuid,nodev,noexec optional
bind /proc/irq on /proc/irq ro,nosuid,nodev,noexec optional
bind /proc/bus on /proc/bus ro,nosuid,nodev,noexec optional
bind /proc/fs on /proc/fs ro,nosuid,nodev,noexec optional
mask /proc/kcore
mask /proc/kpagecgroup
mask /proc/kpagecount
mask /proc/kpageflags
mask /proc/keys
mask /proc/key-users
mask /proc/slabinfo
mask /proc/vmallocinfo
mask /proc/iomem
mask /proc/ioports
mask /proc/mtrr
mask /proc/timer_list
mask /proc/timer_stats
mask /proc/sched_debug
mask /proc/latency_stats
mask /proc/dynamic_debug
mask /proc/interrupts
mask /proc/scsi
mask /proc/acpi
mask /proc/asound
mask /proc/kmsg
mask /proc/kallsyms
mount sysfs on /sys ro,nosuid,nodev,noexec (make directory)
mask /sys/firmware
mask /sys/kernel/config
mask /sys/kernel/debug
mask /sys/kernel/tracing
mask /sys/devices/virtual/powercap
cgroup /sys/fs/cgroup on /sys/fs/cgroup nosuid,nodev,noexec (make directory)
loopback up
capabilities 0x1fdb5feffff
system call filter
directory /
init /sbin/init
argument /sbin/init
environment PATH=/bin:/sbin
environment TERM=linux
environment container=lxc-libvirt
environment HOME=/
environment container_uuid=11111111-2222-3333-4444-555555555555
environment LIBVIRT_LXC_UUID=11111111-2222-3333-4444-555555555555
environment LIBVIRT_LXC_NAME=web
)");
}

TEST(Plan, HybridHostShowsItsOwnLayout) {
  EXPECT_THAT(plan_text(web(), hybrid_host()),
              HasSubstr(R"(mount tmpfs on /sys/fs/cgroup nosuid,nodev,noexec size=64k,mode=755 (make directory)
cgroup /sys/fs/cgroup/systemd on /sys/fs/cgroup/systemd nosuid,nodev,noexec (make directory)
cgroup /sys/fs/cgroup/memory on /sys/fs/cgroup/memory nosuid,nodev,noexec (make directory)
cgroup /sys/fs/cgroup/cpu,cpuacct on /sys/fs/cgroup/cpu,cpuacct nosuid,nodev,noexec (make directory)
bind /sys/fs/cgroup/cpu,cpuacct on /sys/fs/cgroup/cpu (make directory)
bind /sys/fs/cgroup/cpu,cpuacct on /sys/fs/cgroup/cpuacct (make directory)
cgroup /sys/fs/cgroup/unified on /sys/fs/cgroup/unified nosuid,nodev,noexec (make directory)
remount /sys/fs/cgroup ro,nosuid,nodev,noexec
)"));
}

TEST(Plan, WhatLimitsIOInThePlaceOfTheProcessesIsReadOnly) {
  auto facts = hybrid_host();
  facts.cgroups = cgroup::Hierarchy::parse(
      "30 20 0:30 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n"
      "31 20 0:31 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"
      "32 20 0:32 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
      "5:blkio:/\n6:cpuacct:/\n7:pids:/\n", "");
  EXPECT_THAT(plan_text(web(), facts),
              HasSubstr("cgroup /sys/fs/cgroup/blkio on /sys/fs/cgroup/blkio ro,nosuid,nodev,noexec (make directory)\n"
                        "cgroup /sys/fs/cgroup/cpuacct on /sys/fs/cgroup/cpuacct nosuid,nodev,noexec"));
}

TEST(Plan, TheBootClockIsItsOwnWhereTheKernelHasOne) {
  auto facts = hybrid_host();
  EXPECT_THAT(plan_text(web(), facts), Not(HasSubstr(" time\n")));
  facts.time_namespaces = true;
  EXPECT_THAT(plan_text(web(), facts), HasSubstr(" uts time\n"));
}

TEST(Plan, EverythingOfOs) {
  auto definition = web();
  definition.name = "-spec._x";
  definition.os.init_args = {"-x", "a b"};
  definition.os.init_env = {{"HOME", "/root"}, {"LANG", "C"}};
  definition.os.init_dir = "/srv";
  definition.os.init_user = "www";
  definition.os.init_group = "33";
  definition.os.cmdline = "quiet";
  definition.os.arch = "i686";
  definition.consoles.resize(3);
  const auto text = plan_text(definition);
  EXPECT_THAT(text, HasSubstr("hostname specx\n"));
  EXPECT_THAT(text, HasSubstr("consoles 3 "));
  EXPECT_THAT(text, HasSubstr("personality 32-bit\n"));
  EXPECT_THAT(text, HasSubstr(R"(directory /srv
user www
group 33
init /sbin/init
argument /sbin/init
argument -x
argument a b
environment PATH=/bin:/sbin
environment TERM=linux
environment container=lxc-libvirt
environment HOME=/root
environment container_uuid=11111111-2222-3333-4444-555555555555
environment container_ttys=pts/1 pts/2
environment LIBVIRT_LXC_UUID=11111111-2222-3333-4444-555555555555
environment LIBVIRT_LXC_NAME=-spec._x
environment LIBVIRT_LXC_CMDLINE=quiet
environment LANG=C
)"));
}

TEST(Plan, HostnameIsNeverTheHostsOwnAndFitsTheKernel) {
  auto definition = web();
  definition.name = "___";
  EXPECT_EQ(plan_container(definition, v2_host(), {}).hostname, "localhost");
  definition.name = std::string(200, 'a');
  EXPECT_EQ(plan_container(definition, v2_host(), {}).hostname, std::string(64, 'a'));
}

TEST(Plan, NetworkIsPrivateUnlessAskedOtherwise_S9) {
  EXPECT_THAT(plan_text(web()), HasSubstr(" net "));
  const UnsafeDefaults unsafe{.share_host_network = true};
  const auto shared = plan_text(web(), v2_host(), unsafe);
  EXPECT_THAT(shared, HasSubstr("namespaces cgroup ipc mnt pid uts\n"));
  EXPECT_THAT(shared, Not(HasSubstr("loopback")));
  EXPECT_THAT(shared, Not(HasSubstr("/proc/sys/net")));
  auto privnet = web();
  privnet.features.privnet = true;
  EXPECT_THAT(plan_text(privnet, v2_host(), unsafe), HasSubstr(" net "));
}

TEST(Plan, RefusedDevices) {
  auto definition = web();
  definition.consoles.clear();
  EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
  definition.consoles.resize(1);
  definition.consoles[0].type = "tcp";
  EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
  definition.consoles[0].type = "pty";
  definition.consoles.resize(17);
  EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
}

TEST(Plan, DevicesThatWouldBeMissingAreRefused) {
  auto definition = web();
  definition.disks.resize(1);
  definition.disks[0].target = "sda";
  EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
  EXPECT_THAT(refusal(definition).detail(), HasSubstr("'sda'"));
  definition = web();
  definition.host_devices.resize(1);
  EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
}

TEST(Plan, SharedNamespacesAreNotMade_N13) {
  auto definition = web();
  definition.shared_net = definition.shared_ipc = definition.shared_uts = domain_xml::SharedNamespace{};
  const auto text = plan_text(definition, v2_host());
  EXPECT_THAT(text, HasSubstr("namespaces cgroup mnt pid\n"));
  EXPECT_THAT(text, Not(HasSubstr("loopback")));
  EXPECT_EQ(plan_container(definition, v2_host(), {}).hostname, "");
  definition.features.privnet = true;
  EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
}

TEST(Plan, WhatTheExtensionAsksFor) {
  auto definition = web();
  definition.extension = {.seccomp = "unconfined",
                          .pids_limit = 99,
                          .resource_limits = {{"nofile", 5, std::nullopt}},
                          .overlay = domain_xml::RootOverlay{"", 2048},
                          .idmap = domain_xml::AutomaticIdMap{.count = 10, .start = 500}};
  const std::string text = plan_text(definition);
  EXPECT_THAT(text,
              HasSubstr("uid map 0 500 10\ngid map 0 500 10\nroot /srv/web idmapped\noverlay in memory size=2048k\n"));
  EXPECT_THAT(text, HasSubstr("rlimit 7 5 18446744073709551615\n"));
  EXPECT_THAT(text, Not(HasSubstr("system call filter")));
  EXPECT_EQ(plan_limits(definition, {}).pids_max, 99U);
  definition.idmap = {{{0, 700, 10}}, {{0, 700, 10}}};
  EXPECT_THAT(plan_text(definition), HasSubstr("uid map 0 700 10\n")) << "the one that is spelled out";
  definition.extension.overlay = domain_xml::RootOverlay{"/var/changes", std::nullopt};
  EXPECT_THAT(refusal(definition).detail(), HasSubstr("'/var/changes': No such file"));
  auto facts = v2_host();
  facts.sources["/var/changes"] = {};
  EXPECT_THAT(plan_text(definition, facts), HasSubstr("overlay /var/changes\n"));
  facts.sources["/var/changes"].kind = SourceFacts::Kind::Other;
  EXPECT_THAT(refusal(definition, facts).detail(), HasSubstr("'/var/changes': Not a directory"));
}

TEST(Plan, SeccompProfiles) {
  auto definition = web();
  definition.extension.seccomp = "strict";
  EXPECT_THAT(plan_text(definition), HasSubstr("no new privileges\nsystem call filter\n"));
  definition.extension.seccomp = "/etc/web.json";
  EXPECT_THAT(refusal(definition).detail(), HasSubstr("cannot read seccomp profile '/etc/web.json': No such file"));
  auto facts = v2_host();
  facts.seccomp_file = SeccompFile{"{", 0};
  EXPECT_THAT(refusal(definition, facts).detail(), HasSubstr("seccomp profile '/etc/web.json': line 1"));
  facts.seccomp_file->text = R"({"defaultAction": "SCMP_ACT_ALLOW"})";
  EXPECT_THAT(plan_text(definition, facts), HasSubstr("system call filter\n"));
}

TEST(Plan, NamesCannotForgeLogLines) {
  auto definition = web();
  definition.os.init_args = {"a\nroot /evil"};
  EXPECT_THAT(plan_text(definition), HasSubstr("argument a\\x0aroot /evil\n"));
}

}  // namespace
}  // namespace container
