// Golden plans: what a definition becomes, compared as text.
#include <gmock/gmock.h>
#include <linux/mount.h>

#include <cerrno>

#include "base/error.hpp"
#include "container/plan_container.hpp"

namespace container {
namespace {

using domain_xml::DomainDefinition;
using domain_xml::Filesystem;
using domain_xml::FilesystemType;
using testing::HasSubstr;
using testing::Not;

const char* kV1Mounts =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
const char* kV1Own = "3:name=systemd:/\n2:memory:/\n1:cpu,cpuacct:/\n0::/\n";
const char* kV2Mounts = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

HostFacts v2_host() {
  HostFacts facts;
  facts.arch = "x86_64";
  facts.last_capability = 40;
  facts.cgroups = cgroup::Hierarchy::parse(kV2Mounts, "0::/\n", "cpuset cpu io memory pids");
  facts.sources["/srv/web"] = {};
  return facts;
}

HostFacts hybrid_host() {
  auto facts = v2_host();
  facts.cgroups = cgroup::Hierarchy::parse(kV1Mounts, kV1Own, "");
  return facts;
}

Filesystem filesystem(FilesystemType type, const std::string& source, const std::string& target) {
  Filesystem one;
  one.type = type;
  one.source = source;
  one.target = target;
  one.access_mode = "passthrough";
  return one;
}

DomainDefinition web() {
  DomainDefinition definition;
  definition.name = "web";
  definition.uuid = *base::parse_uuid("11111111-2222-3333-4444-555555555555");
  definition.memory_kib = 65536;
  definition.os.arch = "x86_64";
  definition.os.init = "/sbin/init";
  definition.filesystems = {filesystem(FilesystemType::Mount, "/srv/web", "/")};
  definition.consoles.resize(1);
  return definition;
}

std::string plan_text(const DomainDefinition& definition, const HostFacts& facts = v2_host(),
                      const UnsafeDefaults& unsafe = {}) {
  return print_plan(plan_container(definition, facts, unsafe));
}

base::Error refusal(const DomainDefinition& definition, const HostFacts& facts = v2_host()) {
  try {
    plan_container(definition, facts, {});
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "was not refused";
  return base::Error(base::Code::Ok, base::From::None, "");
}

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

TEST(Plan, UserFilesystemsInOrder) {
  auto definition = web();
  auto facts = v2_host();
  facts.sources["/srv/data"] = {};
  facts.sources["/etc/hosts"] = {SourceFacts::Kind::Other};
  auto data = filesystem(FilesystemType::Mount, "/srv/data", "/data");
  auto hosts = filesystem(FilesystemType::Mount, "/etc/hosts", "/etc/hosts");
  hosts.readonly = true;
  auto again = filesystem(FilesystemType::Bind, "/data/x", "y");
  auto ram = filesystem(FilesystemType::Ram, "", "/ram");
  ram.ram_usage_bytes = 1048576;
  ram.readonly = true;
  definition.filesystems.insert(definition.filesystems.begin(), data);  // before the root, as XML may have it
  definition.filesystems.insert(definition.filesystems.end(), {hosts, again, ram});
  EXPECT_THAT(plan_text(definition, facts),
              HasSubstr(R"(bind host /srv/data on /data recursive detachable (make directory)
bind host /etc/hosts on /etc/hosts ro recursive detachable (make file)
bind /data/x on /y recursive detachable (make directory)
mount tmpfs on /ram ro,nosuid,nodev size=1048576 detachable (make directory)
)"));  // N11: read-only keeps nosuid and nodev
}

TEST(Plan, N11LimitsOfSpaceHoldOrAreRefused) {
  auto definition = web();
  auto facts = v2_host();
  facts.sources["/srv/data"] = {};
  auto ram = filesystem(FilesystemType::Ram, "", "/ram");
  ram.ram_usage_bytes = 1048576;
  ram.space_hard_limit_bytes = 65536;
  definition.filesystems.push_back(ram);
  EXPECT_THAT(plan_text(definition, facts), HasSubstr("on /ram nosuid,nodev size=65536 "));
  definition.filesystems.back().space_hard_limit_bytes = 1 << 30;
  EXPECT_THAT(plan_text(definition, facts), HasSubstr("on /ram nosuid,nodev size=1048576 "));
  auto data = filesystem(FilesystemType::Mount, "/srv/data", "/data");
  data.space_hard_limit_bytes = 0;
  data.space_soft_limit_bytes = 0;
  definition.filesystems.back() = data;
  EXPECT_THAT(plan_text(definition, facts), HasSubstr("bind host /srv/data on /data")) << "0 is no limit";
  for (auto limit :
       {&domain_xml::Filesystem::space_hard_limit_bytes, &domain_xml::Filesystem::space_soft_limit_bytes}) {
    definition.filesystems.back() = data;
    definition.filesystems.back().*limit = 65536;
    EXPECT_THROW(plan_container(definition, facts, {}), base::Error);
  }
}

TEST(Plan, Images) {
  auto definition = web();
  auto facts = v2_host();
  facts.sources["/srv/a.img"] = facts.sources["/dev/sdb1"] = {SourceFacts::Kind::Other};
  auto file = filesystem(FilesystemType::File, "/srv/a.img", "/a");
  file.driver_type = "loop";
  file.driver_format = "raw";
  file.readonly = true;
  definition.filesystems.insert(definition.filesystems.end(),
                                {file, filesystem(FilesystemType::Block, "/dev/sdb1", "b")});
  EXPECT_THAT(plan_text(definition, facts),
              HasSubstr("image (loop) /srv/a.img on /a ro,nodev detachable (make directory)\n"
                        "image (block) /dev/sdb1 on /b nodev detachable (make directory)\n"));
  definition.filesystems = {filesystem(FilesystemType::File, "/srv/a.img", "/")};
  EXPECT_THAT(plan_text(definition, facts), HasSubstr("root image (loop) /srv/a.img\n"));
  definition.extension.overlay.emplace();
  EXPECT_EQ(refusal(definition, facts).code(), base::Code::ConfigUnsupported) << "an overlay needs a directory";
  for (const auto& [driver, format] : {std::pair("loop", "qcow2"), {"nbd", "raw"}, {"", "qcow2"}}) {
    definition = web();
    file.driver_type = driver;
    file.driver_format = format;
    definition.filesystems.push_back(file);
    EXPECT_EQ(refusal(definition, facts).code(), base::Code::ConfigUnsupported) << driver << format;
  }
  EXPECT_EQ(refusal(
                [&] {
                  auto missing = web();
                  missing.filesystems.push_back(filesystem(FilesystemType::Block, "/dev/gone", "/x"));
                  return missing;
                }(),
                facts)
                .code(),
            base::Code::InternalError);
}

TEST(Plan, AChangeOfFilesystemsUnmountsWhatLiesInnermostFirst) {
  auto before = web(), after = web();
  auto facts = v2_host();
  facts.sources["/srv/data"] = {};
  const auto data = filesystem(FilesystemType::Mount, "/srv/data", "/data");
  before.filesystems.insert(before.filesystems.end(),
                            {data, filesystem(FilesystemType::Mount, "/srv/data", "/data/in")});
  auto changed = data;
  changed.readonly = true;
  after.filesystems.push_back(changed);
  const auto change = plan_mount_change(before, after, facts);
  EXPECT_EQ(change.removed, (std::vector<std::string>{"/data/in", "/data"}));
  ASSERT_EQ(change.added.size(), 1U);
  EXPECT_EQ(change.added[0].target, "/data");
  EXPECT_EQ(plan_mount_change(after, after, facts), MountChange());
  after.filesystems[0].readonly = true;
  EXPECT_THROW(plan_mount_change(before, after, facts), base::Error) << "the root";
}

TEST(Plan, ReadOnlyRoot) {
  auto definition = web();
  definition.filesystems[0].readonly = true;
  EXPECT_THAT(plan_text(definition), HasSubstr("root /srv/web ro\n"));
}

TEST(Plan, IdMapsShiftARootOwnedTree) {
  auto definition = web();
  definition.idmap.uids = {{1000, 5000, 1}, {0, 100000, 1000}};
  definition.idmap.gids = {{0, 200000, 1000}};
  const auto text = plan_text(definition);
  EXPECT_THAT(text, HasSubstr("namespaces cgroup ipc mnt net pid user uts\n"));
  EXPECT_THAT(text, HasSubstr("uid map 0 100000 1000\nuid map 1000 5000 1\ngid map 0 200000 1000\n"));
  EXPECT_THAT(text, HasSubstr("root /srv/web idmapped\n"));
  EXPECT_THAT(text, HasSubstr(",gid=200005\n"));
  const auto plan = plan_container(definition, v2_host(), {});
  EXPECT_EQ(plan.root_uid, 100000u);
  EXPECT_EQ(plan.root_gid, 200000u);
}

TEST(Plan, TreesShiftedByHandAndTheHostsRootAreNotShifted) {
  auto definition = web();
  definition.idmap.uids = definition.idmap.gids = {{0, 100000, 1000}};
  auto facts = v2_host();
  facts.sources["/srv/web"].owner = 100000;
  EXPECT_FALSE(plan_container(definition, facts, {}).root_idmapped);
  facts.sources["/"] = {};
  definition.filesystems.clear();
  const auto plan = plan_container(definition, facts, {.share_host_root = true});
  EXPECT_EQ(plan.root_source, "/");
  EXPECT_FALSE(plan.root_idmapped);
}

TEST(Plan, WithoutARootBothWaysToOneAreNamed) {
  auto definition = web();
  definition.filesystems.clear();
  const auto error = refusal(definition);
  EXPECT_EQ(error.code(), base::Code::ConfigUnsupported);
  EXPECT_THAT(error.detail(), AllOf(HasSubstr("<target dir='/'/>"), HasSubstr("share_host_root")));
}

TEST(Plan, BindsAreShiftedOnlyWhereMapped) {
  auto definition = web();
  definition.idmap.uids = definition.idmap.gids = {{0, 100000, 1000}};
  auto facts = v2_host();
  facts.sources["/a"] = facts.sources["/b"] = {};
  definition.filesystems.push_back(filesystem(FilesystemType::Mount, "/a", "/a"));
  definition.filesystems.push_back(filesystem(FilesystemType::Mount, "/b", "/b"));
  definition.filesystems.back().access_mode = "mapped";
  const auto text = plan_text(definition, facts);
  EXPECT_THAT(text, HasSubstr("bind host /a on /a recursive detachable (make directory)\n"));
  EXPECT_THAT(text, HasSubstr("bind host /b on /b recursive idmapped detachable (make directory)\n"));
}

TEST(Plan, GidFiveAtTheStartOfARange_N15) {
  auto definition = web();
  definition.idmap.uids = {{0, 100000, 1000}};
  definition.idmap.gids = {{0, 100000, 1}, {5, 300000, 1}};
  EXPECT_THAT(plan_text(definition), HasSubstr(",gid=300000\n"));
  definition.idmap.gids = {{0, 100000, 5}};
  EXPECT_THAT(plan_text(definition), Not(HasSubstr(",gid=")));  // there is none
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

/// Everything over which a container's root may have power is the container's then.
TEST(Plan, UserNamespaceUnlessTheHostsPowersAreAskedFor_S12) {
  const auto has_one = [](const DomainDefinition& definition, const HostFacts& facts = v2_host(),
                          const UnsafeDefaults& unsafe = {}) {
    const auto plan = plan_container(definition, facts, unsafe);
    EXPECT_EQ(plan.uid_map, plan.gid_map);
    EXPECT_EQ((plan.namespaces & CLONE_NEWUSER) != 0, !plan.uid_map.empty());
    EXPECT_EQ(plan.root_uid + plan.root_gid, 0U);
    EXPECT_FALSE(plan.root_idmapped);
    return plan.uid_map == "0 0 4294967295\n";
  };
  EXPECT_TRUE(has_one(web()));
  EXPECT_FALSE(has_one(web(), v2_host(), {.share_host_users = true}));
  EXPECT_FALSE(has_one(web(), v2_host(), {.share_host_network = true}));
  auto without = v2_host();
  without.user_namespaces = false;
  EXPECT_FALSE(has_one(web(), without));
  auto definition = web();
  definition.extension.host_ids = true;
  EXPECT_FALSE(has_one(definition));
  definition = web();
  definition.shared_ipc = domain_xml::SharedNamespace{};
  EXPECT_FALSE(has_one(definition));
  definition = web();
  definition.features.capabilities.emplace().states["sys_time"] = true;
  EXPECT_FALSE(has_one(definition));
  definition.features.capabilities->states["sys_time"] = false;
  EXPECT_TRUE(has_one(definition));
}

TEST(Plan, IdMapsWithoutAPrivateNetwork_N10) {
  auto definition = web();
  definition.idmap.uids = definition.idmap.gids = {{0, 100000, 1000}};
  EXPECT_THAT(plan_text(definition, v2_host(), {.share_host_network = true}),
              HasSubstr("bind host /sys on /sys ro,nosuid,nodev,noexec recursive (make directory)\n"));
}

TEST(Plan, NoRootFilesystemIsRefused_S10) {
  auto definition = web();
  definition.filesystems.clear();
  const auto error = refusal(definition);
  EXPECT_EQ(error.code(), base::Code::ConfigUnsupported);
  EXPECT_THAT(error.detail(), HasSubstr("<target dir='/'/>"));
}

TEST(Plan, MissingRootIsNamedAndNotMade_L5) {
  auto facts = v2_host();
  facts.sources["/srv/web"].error = ENOENT;
  const auto error = refusal(web(), facts);
  EXPECT_EQ(error.code(), base::Code::InternalError);
  EXPECT_EQ(error.from(), base::From::Lxc);
  EXPECT_THAT(error.detail(), HasSubstr("'/srv/web': No such file or directory"));
  facts.sources["/srv/web"] = {SourceFacts::Kind::Other};
  EXPECT_THAT(refusal(web(), facts).detail(), HasSubstr("'/srv/web': Not a directory"));
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

TEST(Plan, RefusedFilesystems) {
  for (const auto type : {FilesystemType::Template, FilesystemType::Volume}) {
    auto definition = web();
    definition.filesystems.push_back(filesystem(type, "x", "/x"));
    EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
    definition.filesystems = {filesystem(type, "x", "/")};
    EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
  }
  auto definition = web();
  definition.filesystems.push_back(definition.filesystems[0]);
  EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
}

TEST(Plan, TooManyIdMapEntries) {
  auto definition = web();
  definition.idmap.gids = {{0, 100000, 1000}};
  definition.idmap.uids.assign(341, {});
  for (unsigned i = 0; i < 341; ++i) definition.idmap.uids[i] = {i, 100000 + i, 1};
  EXPECT_EQ(refusal(definition).code(), base::Code::InvalidArg);
}

TEST(Plan, CapabilityPolicies) {
  auto definition = web();
  auto& feature = definition.features.capabilities.emplace();
  feature.states = {{"mknod", true}, {"chown", false}};
  EXPECT_THAT(plan_text(definition), HasSubstr("capabilities 0x1fdbdfefffe\n"));
  feature.policy = domain_xml::CapabilityPolicy::Allow;
  EXPECT_THAT(plan_text(definition), HasSubstr("capabilities 0x1fffffffffe\nsystem call filter\n"));
  feature.policy = domain_xml::CapabilityPolicy::Deny;
  EXPECT_THAT(plan_text(definition), HasSubstr("capabilities 0x8000000 inheritable 0x8000000\n"));
  definition.os.init_user = "worker";
  EXPECT_THAT(plan_text(definition), HasSubstr("inheritable 0x8000000 ambient 0x8000000\n"));
  feature.states = {{"no_such", true}};
  EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
}

TEST(Plan, TheKernelLogIsHiddenUnlessItsCapabilityIsAskedFor) {
  auto definition = web();
  EXPECT_THAT(plan_text(definition), HasSubstr("mask /proc/kmsg\n"));
  definition.features.capabilities.emplace().states = {{"syslog", true}};
  EXPECT_THAT(plan_text(definition), Not(HasSubstr("mask /proc/kmsg\n")));
  definition.features.capabilities = {.policy = domain_xml::CapabilityPolicy::Allow, .states = {}};
  EXPECT_THAT(plan_text(definition), Not(HasSubstr("mask /proc/kallsyms\n")));
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
