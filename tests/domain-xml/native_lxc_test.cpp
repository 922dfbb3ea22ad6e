// lxc.container.conf(5) to a definition and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"
#include "native_documents.hpp"

namespace domain_xml {
namespace {

using base::Code;
using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto kLxc = NativeFormat::LxcTools;
const std::string kBase = "lxc.uts.name = web\nlxc.rootfs.path = /srv/web\nlxc.cgroup2.memory.max = 64M\n";

DomainDefinition read(const std::string& lines) {
  return convert_native(kLxc, kBase + lines).definition;
}

/// Of lines behind the three of kBase.
std::vector<std::string> notes(const std::string& lines) {
  return from_native(kLxc, kBase + lines).unconverted;
}

class LxcGolden : public testing::TestWithParam<const char*> {
 protected:
  std::string input() const { return native_file(std::string(GetParam()) + ".conf"); }
  std::string output(const char* kind) const { return native_file(std::string(GetParam()) + ".lxc." + kind); }
};

TEST_P(LxcGolden, BecomesTheDefinition) {
  EXPECT_EQ(native_xml(kLxc, input()), output("xml"));
}

TEST_P(LxcGolden, ListsWhatIsLeftOut) {
  EXPECT_EQ(note_lines(from_native(kLxc, input()).unconverted), output("notes"));
}

TEST_P(LxcGolden, ReadsBackAsWritten) {
  const DomainDefinition definition = convert_native(kLxc, input()).definition;
  const FromNative again = convert_native(kLxc, to_native(kLxc, definition));
  EXPECT_EQ(format_domain(again.definition, View::Inactive), format_domain(definition, View::Inactive));
  EXPECT_TRUE(again.definition == definition);
}

INSTANTIATE_TEST_SUITE_P(Corpus, LxcGolden, testing::Values("everything", "old-keys", "unconverted"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(NativeFormats, AreKnownByName) {
  EXPECT_EQ(parse_native_format("lxc-tools"), NativeFormat::LxcTools);
  EXPECT_EQ(parse_native_format("oci-runtime"), NativeFormat::OciRuntime);
  EXPECT_EQ(parse_native_format("qemu-argv"), std::nullopt);
  EXPECT_EQ(parse_native_format(""), std::nullopt);
}

TEST(NativeLxc, LeastConfiguration) {
  const FromNative least = from_native(kLxc, "lxc.rootfs.path = /srv/web\n");
  EXPECT_EQ(least.definition.name, "unnamed");
  EXPECT_EQ(least.definition.memory_kib, 65536u);
  EXPECT_EQ(least.definition.os.init, "/sbin/init");
  EXPECT_EQ(least.definition.consoles.size(), 1u);
  EXPECT_TRUE(least.definition.features.privnet);
  EXPECT_EQ(least.definition.features.capabilities->policy, CapabilityPolicy::Allow);
  EXPECT_NE(least.definition.uuid, base::Uuid{});
  EXPECT_THAT(least.unconverted, ElementsAre("no memory limit: not converted, a domain has one: 64 MiB"));
}

TEST(NativeLxc, MemoryIsTheLimitThatOthersSee) {
  DomainDefinition definition = from_native(kLxc, "lxc.rootfs.path = /srv/web\n").definition;
  const DomainDefinition again = from_native(kLxc, to_native(kLxc, definition)).definition;
  EXPECT_EQ(again.memory_kib, 65536u);
  EXPECT_EQ(again.memory_tune.hard_limit_kib, 65536u);
}

struct LxcRefusal {
  std::string title, text;
  Code code;
  std::string names;
};

const LxcRefusal kRefusals[] = {
    {"NoRoot", "lxc.uts.name = web\n", Code::ConfigUnsupported, "lxc.rootfs.path"},
    {"Empty", "", Code::ConfigUnsupported, "lxc.rootfs.path"},
    {"NoAssignment", kBase + "hello\n", Code::ConfSyntax, "line 4"},
    {"NoKey", kBase + "= x\n", Code::ConfSyntax, "line 4"},
    {"RelativeRoot", "lxc.rootfs.path = rootfs\n", Code::ConfigUnsupported, "line 1: lxc.rootfs.path = rootfs"},
    {"UnknownRootKind", "lxc.rootfs.path = zfs:/tank/web\n", Code::ConfigUnsupported, "'zfs'"},
    {"OverlayOfOne", "lxc.rootfs.path = overlay:/lower\n", Code::InvalidArg, "upper"},
    {"SlashInName", kBase + "lxc.uts.name = a/b\n", Code::XmlError, "line 4"},
    {"Arch", kBase + "lxc.arch = pdp11\n", Code::InvalidArg, "lxc.arch = pdp11"},
    {"Memory", kBase + "lxc.cgroup.memory.limit_in_bytes = x\n", Code::InvalidArg,
     "line 4: lxc.cgroup.memory.limit_in_bytes = x"},
    {"NoMemory", kBase + "lxc.cgroup2.memory.max = 0\n", Code::InvalidArg, "line 4"},
    {"MemoryBeyond64Bits", kBase + "lxc.cgroup2.memory.max = 99999999999999T\n", Code::InvalidArg, "line 4"},
    {"SwapBelowMemory", kBase + "lxc.cgroup.memory.memsw.limit_in_bytes = 1M\n", Code::InvalidArg, "1024 KiB"},
    {"SwapBelowDefaultMemory", "lxc.rootfs.path = /a\nlxc.cgroup.memory.memsw.limit_in_bytes = 1M\n", Code::InvalidArg,
     "65536 KiB"},
    {"Shares", kBase + "lxc.cgroup.cpu.shares = 1\n", Code::InvalidArg, "2 to 262144"},
    {"Weight", kBase + "lxc.cgroup2.cpu.weight = 10001\n", Code::InvalidArg, "1 to 10000"},
    {"Quota", kBase + "lxc.cgroup2.cpu.max = 5 100000\n", Code::InvalidArg, "1000"},
    {"Period", kBase + "lxc.cgroup.cpu.cfs_period_us = 5\n", Code::InvalidArg, "1000"},
    {"Cpuset", kBase + "lxc.cgroup.cpuset.cpus = x\n", Code::InvalidArg, "line 4"},
    {"BlockWeight", kBase + "lxc.cgroup.blkio.weight = x\n", Code::InvalidArg, "line 4"},
    {"Throttle", kBase + "lxc.cgroup.blkio.throttle.read_bps_device = x\n", Code::InvalidArg, "line 4"},
    {"ThrottleDevice", kBase + "lxc.cgroup.blkio.throttle.read_bps_device = sda 5\n", Code::InvalidArg, "8:0"},
    {"IoMax", kBase + "lxc.cgroup2.io.max = 8:0 speed=5\n", Code::InvalidArg, "'speed=5'"},
    {"NetworkWithoutType", kBase + "lxc.net.0.link = br0\n", Code::ConfigUnsupported, "no type"},
    {"NetworkType", kBase + "lxc.net.0.type = token-ring\n", Code::InvalidArg, "line 4"},
    {"MacvlanWithoutLink", kBase + "lxc.net.0.type = macvlan\n", Code::ConfigUnsupported, "link"},
    {"MacvlanMode", kBase + "lxc.net.0.type = macvlan\nlxc.net.0.link = eth0\nlxc.net.0.macvlan.mode = x\n",
     Code::InvalidArg, "line 6"},
    {"VlanWithoutId", kBase + "lxc.net.0.type = vlan\nlxc.net.0.link = eth0\n", Code::ConfigUnsupported, "vlan.id"},
    {"Hwaddr", kBase + "lxc.net.0.type = veth\nlxc.net.0.hwaddr = x\n", Code::InvalidArg, "line 5"},
    {"MulticastHwaddr", kBase + "lxc.net.0.type = veth\nlxc.net.0.hwaddr = 01:00:5e:00:00:01\n", Code::InvalidArg,
     "unicast"},
    {"Mtu", kBase + "lxc.net.0.type = veth\nlxc.net.0.mtu = big\n", Code::InvalidArg, "line 5"},
    {"Flags", kBase + "lxc.net.0.type = veth\nlxc.net.0.flags = down\n", Code::InvalidArg, "'up'"},
    {"Address", kBase + "lxc.net.0.type = veth\nlxc.net.0.ipv4.address = fd00::1/64\n", Code::InvalidArg, "IPv4"},
    {"Prefix", kBase + "lxc.net.0.type = veth\nlxc.net.0.ipv4.address = 192.0.2.1/33\n", Code::InvalidArg, "32"},
    {"BlankAddress", kBase + "lxc.net.0.type = veth\nlxc.net.0.ipv4.address = ' '\n", Code::InvalidArg, "line 5"},
    {"Gateway", kBase + "lxc.net.0.type = veth\nlxc.net.0.ipv6.gateway = x\n", Code::InvalidArg, "IPv6"},
    {"MountEntry", kBase + "lxc.mount.entry = proc\n", Code::InvalidArg, "line 4"},
    {"TmpfsSize", kBase + "lxc.mount.entry = tmpfs run tmpfs size=x 0 0\n", Code::InvalidArg, "line 4"},
    {"IdMapKind", kBase + "lxc.idmap = x 0 1 1\n", Code::InvalidArg, "line 4"},
    {"IdMapNumber", kBase + "lxc.idmap = u 0 4294967296 1\n", Code::InvalidArg, "'4294967296'"},
    {"KeepAndDrop", kBase + "lxc.cap.keep = chown\nlxc.cap.drop = kill\n", Code::ConfigUnsupported, "line 4"},
    {"Ttys", kBase + "lxc.tty.max = 4000000000\n", Code::InvalidArg, "64"},
    {"RelativeInit", kBase + "lxc.init.cmd = init\n", Code::ConfigUnsupported, "absolute"},
    {"EmptyArgument", kBase + "lxc.init.cmd = /init \"\"\n", Code::ConfigUnsupported, "line 4"},
    {"InitUser", kBase + "lxc.init.uid = root\n", Code::InvalidArg, "line 4"},
    {"Environment", kBase + "lxc.environment = =x\n", Code::InvalidArg, "line 4"},
    {"Limit", kBase + "lxc.prlimit.nofile = many\n", Code::InvalidArg, "line 4"},
};

class LxcRefuses : public testing::TestWithParam<LxcRefusal> {};

TEST_P(LxcRefuses, NamingTheLine) {
  const auto error = error_of([] { from_native(kLxc, GetParam().text); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), GetParam().code) << error->message();
  EXPECT_THAT(error->message(), HasSubstr(GetParam().names));
}

INSTANTIATE_TEST_SUITE_P(Values, LxcRefuses, testing::ValuesIn(kRefusals),
                         [](const auto& test) { return test.param.title; });

TEST(NativeLxc, LaterLinesWinAndEmptyOnesForget) {
  EXPECT_EQ(read("lxc.uts.name = one\nlxc.uts.name = two\n").name, "two");
  EXPECT_EQ(read("lxc.rootfs.path = /srv/other\n").filesystems.front().source, "/srv/other");
  EXPECT_THAT(read("lxc.cap.drop = kill\nlxc.cap.drop =\n").features.capabilities->states, IsEmpty());
  EXPECT_TRUE(read("lxc.net.0.type = none\nlxc.net =\n").features.privnet);
  EXPECT_TRUE(read("lxc.network.type = none\nlxc.network =\n").features.privnet);
}

TEST(NativeLxc, Quotes) {
  EXPECT_EQ(read("lxc.uts.name = \"two words\"\n").name, "two words");
  EXPECT_EQ(read("lxc.uts.name = 'x'\r\n").name, "x");
}

TEST(NativeLxc, WhoseNetworkItIs) {
  EXPECT_TRUE(read("").features.privnet);
  EXPECT_TRUE(read("lxc.net.0.type = empty\n").features.privnet);
  EXPECT_TRUE(read("lxc.net.0.type = ipvlan\nlxc.net.0.link = eth0\n").features.privnet);
  EXPECT_FALSE(read("lxc.net.0.type = none\n").features.privnet);
  EXPECT_FALSE(read("lxc.net.0.type = veth\n").features.privnet);
  EXPECT_FALSE(read("lxc.net.0.type = phys\nlxc.net.0.link = eth0\n").features.privnet);
  EXPECT_FALSE(read("lxc.namespace.keep = net\n").features.privnet);
  const DomainDefinition shared = read("lxc.namespace.share.net = other\nlxc.namespace.share.ipc = 42\n");
  EXPECT_FALSE(shared.features.privnet);
  EXPECT_EQ(shared.shared_net, (SharedNamespace{SharedNamespace::From::Name, "other"}));
  EXPECT_EQ(shared.shared_ipc, (SharedNamespace{SharedNamespace::From::Pid, "42"}));
}

TEST(NativeLxc, RandomDigitsOfAMacAddress) {
  for (int i = 0; i < 50; ++i) {
    const auto mac = read("lxc.net.0.type = veth\nlxc.net.0.hwaddr = 02:16:3e:xx:xx:XX\n").interfaces.at(0).mac;
    EXPECT_THAT(format_mac(mac), testing::StartsWith("02:16:3e:"));
    const auto any = read("lxc.net.0.type = veth\nlxc.net.0.hwaddr = xx:xx:xx:xx:xx:xx\n").interfaces.at(0).mac;
    EXPECT_EQ(any.bytes[0] & 1, 0);
  }
}

TEST(NativeLxc, MemoryWithoutLimitIsSaid) {
  const DomainDefinition definition = read("lxc.cgroup2.memory.max = max\n");
  EXPECT_EQ(definition.memory_kib, 9007199254740991u);
  EXPECT_EQ(definition.memory_tune, MemoryTune{});
}

TEST(NativeLxc, CapabilitiesKept) {
  const auto kept = *read("lxc.cap.keep = chown CAP_KILL\n").features.capabilities;
  EXPECT_EQ(kept.policy, CapabilityPolicy::Deny);
  EXPECT_EQ(kept.states, (std::map<std::string, bool>{{"chown", true}, {"kill", true}}));
  const auto none = *read("lxc.cap.keep = chown\nlxc.cap.keep = none\n").features.capabilities;
  EXPECT_EQ(none.policy, CapabilityPolicy::Deny);
  EXPECT_THAT(none.states, IsEmpty());
}

TEST(NativeLxc, RootKinds) {
  const auto root = [](const std::string& path) {
    return from_native(kLxc, "lxc.rootfs.path = " + path + "\n").definition.filesystems.at(0);
  };
  EXPECT_EQ(root("/dev/sda1").type, FilesystemType::Block);
  EXPECT_EQ(root("lvm:/dev/vg0/web").type, FilesystemType::Block);
  EXPECT_EQ(root("loop:/srv/web.img").type, FilesystemType::File);
  EXPECT_EQ(root("btrfs:/srv/web").source, "/srv/web");
  EXPECT_EQ(root("overlayfs:/lower:/upper").source, "/lower");
  EXPECT_TRUE(root("overlay:/lower:/upper").readonly);
}

TEST(NativeLxc, WhatGoesIntoOurOwnElementAndBack) {
  const auto definition = convert_native(kLxc,
                                         "lxc.uts.name = web\nlxc.rootfs.path = overlay:/srv/base:/srv/web/upper\n"
                                         "lxc.cgroup2.memory.max = 64M\nlxc.cgroup2.pids.max = 100\n"
                                         "lxc.prlimit.nofile = 1024\nlxc.prlimit.core = 0:unlimited\n")
                              .definition;
  EXPECT_EQ(definition.extension, (Extension{.pids_limit = 100,
                                             .resource_limits = {{"nofile", 1024, 1024}, {"core", 0, std::nullopt}},
                                             .overlay = RootOverlay{"/srv/web", std::nullopt}}));
  const std::string text = to_native(kLxc, definition);
  EXPECT_THAT(text, HasSubstr("lxc.rootfs.path = overlay:/srv/base:/srv/web/upper\n"));
  EXPECT_EQ(convert_native(kLxc, text).definition.extension, definition.extension);
  DomainDefinition readonly = definition;
  readonly.filesystems.at(0).readonly = true;
  EXPECT_TRUE(convert_native(kLxc, to_native(kLxc, readonly)).definition.filesystems.at(0).readonly);
  DomainDefinition in_memory = definition;
  in_memory.extension.overlay = RootOverlay{};
  EXPECT_THAT(to_native(kLxc, in_memory), HasSubstr("lxc.rootfs.path = /srv/base\nlxc.rootfs.options = ro\n"))
      << "what the overlay protects stays protected";
  EXPECT_THAT(to_native(kLxc, in_memory), HasSubstr("# not converted:"));
}

TEST(NativeLxc, LimitsThatCannotBe) {
  EXPECT_THAT(notes("lxc.prlimit.speed = 1\n"), ElementsAre(HasSubstr("no such limit")));
  EXPECT_THAT(notes("lxc.prlimit.nofile = 2:1\n"), ElementsAre(HasSubstr("above the hard one")));
}

TEST(NativeLxc, WhatIsSaidOfEveryContainerAnywayIsNoLoss) {
  EXPECT_THAT(notes("lxc.autodev = 1\nlxc.pty.max = 100\nlxc.start.auto = 0\nlxc.mount.auto = proc sys cgroup\n"
                    "lxc.mount.entry = sysfs sys sysfs ro 0 0\nlxc.cgroup.devices.deny = a\n"
                    "lxc.cgroup.devices.allow = c 136:* rwm\nlxc.no_new_privs = 0\n"),
              IsEmpty());
}

TEST(NativeLxc, LongValuesAreCutInNotes) {
  const auto found = notes("lxc.hook.start = " + std::string(5000, 'x') + "\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_LT(found[0].size(), 300u);
  EXPECT_THAT(found[0], EndsWith("...: not converted"));
}

TEST(NativeLxc, WriterSaysWhatItCannot) {
  const std::string text = to_native(
      kLxc,
      define(document({.top = "<title>T</title><description>a\nb</description>",
                       .devices = "<console/><interface type='user'><mac address='00:16:3e:00:00:09'/></interface>"
                                  "<disk type='block'><source dev='/dev/x'/><target dev='vda'/></disk>"})));
  for (const char* line : {"lxc.uts.name = web\n", "lxc.rootfs.path = /\n", "lxc.net.0.type = empty\n",
                           "lxc.cap.drop = audit_control mac_admin mknod sys_module sys_time\n",
                           "# not converted: <title>T</title>\n", "# not converted: <description>a\n",
                           "# not converted: b</description>\n", "# not converted: <interface type='user'>\n",
                           "# not converted: <disk type='block' device='disk'>\n", "# not converted: <uuid>"})
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_THAT(text, Not(HasSubstr("not converted: <memory")));
}

TEST(NativeLxc, WriterRefusesRootsOfNoOtherProgram) {
  const auto error = error_of([] {
    to_native(kLxc, define(document({.devices = "<filesystem type='template'><source name='t'/><target dir='/'/>"
                                                "</filesystem>"})));
  });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), Code::ConfigUnsupported);
}

TEST(NativeLxc, WriterQuotesSoThatReadingBackIsTheSame) {
  DomainDefinition definition = read("lxc.cap.drop = kill\n");
  definition.name = " 'odd\" name ";
  definition.os.init_args = {"a b", "\"", "\\", "'", "plain"};
  definition.os.init_env = {{"A", " b=\"c\" "}};
  definition.filesystems.push_back({.access_mode = "passthrough", .source = "/a b\\040", .target = "/t\\ x"});
  const FromNative again = convert_native(kLxc, to_native(kLxc, definition));
  EXPECT_TRUE(again.definition == definition) << to_native(kLxc, definition);
  EXPECT_THAT(again.unconverted, IsEmpty());
}

TEST(NativeLxc, WriterCannotBeMadeToWriteLines) {
  DomainDefinition definition = read("");
  definition.os.init_env = {{"A", "b\nlxc.hook.start = /bin/evil"}};
  const std::string text = to_native(kLxc, definition);
  EXPECT_THAT(text, Not(HasSubstr("\nlxc.hook")));
  EXPECT_THAT(text, HasSubstr("# not converted: <initenv name='A'>b\n# not converted: lxc.hook.start"));
}

TEST(NativeLxc, HostileText) {
  using std::string_literals::operator""s;
  const auto code = [](const std::string& text) {
    const auto error = error_of([&] { from_native(kLxc, text); });
    return error ? error->code() : Code::Ok;
  };
  EXPECT_EQ(code("lxc.rootfs.path = /a\0b\n"s), Code::InvalidArg);
  EXPECT_EQ(code("lxc.rootfs.path = /\xff\n"), Code::InvalidArg);
  EXPECT_EQ(code("lxc.rootfs.path = /\x01\n"), Code::InvalidArg);
  EXPECT_EQ(code(std::string(5 << 20, '\n')), Code::ConfigUnsupported);
  std::string many = kBase;
  for (int i = 0; i < 20000; ++i) many += "lxc.x" + std::to_string(i) + " = y\nlxc.z =\n";
  EXPECT_EQ(code(many), Code::ConfigUnsupported);
  std::string forgetful = kBase;
  for (int i = 0; i < 9000; ++i) forgetful += "lxc.x" + std::to_string(i) + " = y\n";
  for (int i = 0; i < 1000000; ++i) forgetful += "a=\n";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(code(forgetful), Code::ConfigUnsupported);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  const std::string whole = native_file("everything.conf");
  for (std::size_t length = 0; length < whole.size(); ++length) code(whole.substr(0, length));
}

TEST(NativeLxc, NotesAreCountedBeyondAThousand) {
  std::string many;
  for (int i = 0; i < 1200; ++i) many += "lxc.group = g" + std::to_string(i) + "\n";
  const auto found = notes(many);
  EXPECT_EQ(found.size(), 1001u);
  EXPECT_EQ(found.back(), "and 200 more");
}

}  // namespace
}  // namespace domain_xml
