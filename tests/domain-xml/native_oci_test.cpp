// An OCI runtime's config.json to a definition and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "domain-xml/format.hpp"
#include "domain-xml/native_parts.hpp"
#include "domain-xml/parse.hpp"
#include "native_documents.hpp"

namespace domain_xml {
namespace {

using base::Code;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto kOci = NativeFormat::OciRuntime;

/// Pieces of a configuration; each has a valid default.
struct OciPieces {
  std::string top;  // further members, each with a comma before it
  std::string version = R"("ociVersion": "1.0.2")";
  std::string root = R"({"path": "/srv/web"})";
  std::string process = R"({"args": ["/bin/sh"]})";
  std::string namespaces = R"([{"type":"pid"},{"type":"mount"},{"type":"ipc"},{"type":"uts"},{"type":"cgroup"},
                              {"type":"network"}])";
  std::string resources = R"({"memory": {"limit": 67108864}})";
  std::string linux;
};

std::string config(const OciPieces& p) {
  return "{" + p.version + R"(, "root": )" + p.root + R"(, "process": )" + p.process + R"(, "linux": {"namespaces": )" +
         p.namespaces + R"(, "resources": )" + p.resources + p.linux + "}" + p.top + "}";
}

DomainDefinition read(const OciPieces& pieces) {
  return convert_native(kOci, config(pieces)).definition;
}

std::vector<std::string> notes(const OciPieces& pieces) {
  return from_native(kOci, config(pieces)).unconverted;
}

class OciGolden : public testing::TestWithParam<const char*> {
 protected:
  std::string input() const { return native_file(std::string(GetParam()) + ".json"); }
  std::string output(const char* kind) const { return native_file(std::string(GetParam()) + ".oci." + kind); }
};

TEST_P(OciGolden, BecomesTheDefinition) {
  EXPECT_EQ(native_xml(kOci, input()), output("xml"));
}

TEST_P(OciGolden, ListsWhatIsLeftOut) {
  EXPECT_EQ(note_lines(from_native(kOci, input()).unconverted), output("notes"));
}

TEST_P(OciGolden, ReadsBackAsWritten) {
  const DomainDefinition definition = convert_native(kOci, input()).definition;
  const FromNative again = convert_native(kOci, to_native(kOci, definition));
  EXPECT_EQ(format_domain(again.definition, View::Inactive), format_domain(definition, View::Inactive));
  EXPECT_TRUE(again.definition == definition);
  EXPECT_THAT(again.unconverted, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Corpus, OciGolden, testing::Values("everything", "unconverted"),
                         [](const auto& test) { return test.param; });

TEST(NativeOci, LeastConfiguration) {
  const FromNative least = from_native(kOci, R"({"ociVersion": "1.0.0", "root": {"path": "/srv/web"}})");
  EXPECT_EQ(least.definition.name, "unnamed");
  EXPECT_EQ(least.definition.memory_kib, 65536u);
  EXPECT_EQ(least.definition.os.init, "/sbin/init");
  EXPECT_EQ(least.definition.consoles.size(), 1u);
  EXPECT_FALSE(least.definition.features.privnet) << "no network namespace is the host's";
  ASSERT_TRUE(least.definition.features.capabilities.has_value()) << "none are named, so there are none";
  EXPECT_EQ(*least.definition.features.capabilities, (CapabilityFeature{CapabilityPolicy::Deny, {}}));
  EXPECT_THAT(least.unconverted, ElementsAre("no memory limit: not converted, a domain has one: 64 MiB"));
}

struct OciRefusal {
  std::string title, text;
  Code code;
  std::string names;
};

std::string resources(const std::string& text) {
  return config({.resources = text});
}

const OciRefusal kRefusals[] = {
    {"Empty", "", Code::ConfSyntax, "line 1"},
    {"NoJson", "lxc.uts.name = web", Code::ConfSyntax, "line 1"},
    {"NoObject", "[]", Code::ConfSyntax, "object"},
    {"Truncated", R"({"ociVersion": )", Code::ConfSyntax, "line 1"},
    {"TextBehind", config({}) + "x", Code::ConfSyntax, "line"},
    {"Twice", config({.top = R"(, "root": {})"}), Code::ConfSyntax, "root"},
    {"TwiceBelow", config({.root = R"({"path": "/a", "path": "/b"})"}), Code::ConfSyntax, "path"},
    {"NoVersion", R"({"root": {"path": "/srv/web"}})", Code::ConfigUnsupported, "ociVersion"},
    {"OtherVersion", config({.version = R"("ociVersion": "2.0.0")"}), Code::ConfigUnsupported, "2.0.0"},
    {"NoRoot", R"({"ociVersion": "1.0.0"})", Code::ConfigUnsupported, "root.path"},
    {"RelativeRoot", config({.root = R"({"path": "rootfs"})"}), Code::ConfigUnsupported,
     R"(root.path = "rootfs": an absolute path is needed: put the bundle's directory before it)"},
    {"RootType", config({.root = R"({"path": 5})"}), Code::InvalidArg, "root.path = 5"},
    {"ReadonlyType", config({.root = R"({"path": "/a", "readonly": "yes"})"}), Code::InvalidArg, "root.readonly"},
    {"Hostname", config({.top = R"(, "hostname": "a/b")"}), Code::XmlError, "hostname"},
    {"RelativeInit", config({.process = R"({"args": ["sh"]})"}), Code::ConfigUnsupported, "/bin/sh"},
    {"EmptyArgument", config({.process = R"({"args": ["/bin/sh", ""]})"}), Code::ConfigUnsupported, "process.args"},
    {"ArgsType", config({.process = R"({"args": ["/bin/sh", 5]})"}), Code::InvalidArg, "process.args"},
    {"Env", config({.process = R"({"env": ["A"]})"}), Code::InvalidArg, "process.env = A"},
    {"Uid", config({.process = R"({"user": {"uid": -1}})"}), Code::InvalidArg, "process.user.uid = -1"},
    {"Rlimit", config({.process = R"({"rlimits": [{"type": "NOFILE"}]})"}), Code::InvalidArg, "process.rlimits[0]"},
    {"Destination", config({.top = R"(, "mounts": [{"destination": "run", "type": "tmpfs"}])"}), Code::InvalidArg,
     "mounts[0]"},
    {"MountsType", config({.top = R"(, "mounts": {})"}), Code::InvalidArg, "mounts = {}"},
    {"MountType", config({.top = R"(, "mounts": [5])"}), Code::InvalidArg, "mounts"},
    {"IdMap", config({.linux = R"(, "uidMappings": [{"containerID": 0, "hostID": 4294967296, "size": 1}])"}),
     Code::InvalidArg, "linux.uidMappings[0].hostID"},
    {"Memory", resources(R"({"memory": {"limit": "1G"}})"), Code::InvalidArg, R"(memory.limit = "1G")"},
    {"RealMemory", resources(R"({"memory": {"limit": 1.5}})"), Code::InvalidArg, "whole number"},
    {"SwapBelowMemory", resources(R"({"memory": {"limit": 2097152, "swap": 1048576}})"), Code::InvalidArg, "1024 KiB"},
    {"Shares", resources(R"({"cpu": {"shares": 1}})"), Code::InvalidArg, "linux.resources.cpu.shares"},
    {"NegativeShares", resources(R"({"cpu": {"shares": -5}})"), Code::InvalidArg, "negative"},
    {"Quota", resources(R"({"cpu": {"quota": 5}})"), Code::InvalidArg, "linux.resources.cpu.quota"},
    {"Cpus", resources(R"({"cpu": {"cpus": "x"}})"), Code::InvalidArg, "linux.resources.cpu.cpus"},
    {"Weight", resources(R"({"blockIO": {"weight": 20000}})"), Code::InvalidArg, "blockIO.weight"},
    {"Throttle", resources(R"({"blockIO": {"throttleReadBpsDevice": [{"rate": 5}]}})"), Code::InvalidArg,
     "throttleReadBpsDevice[0]"},
    {"Unified", resources(R"({"unified": {"memory.max": "x"}})"), Code::InvalidArg, "unified.memory.max = x"},
    {"UnifiedType", resources(R"({"unified": {"memory.max": 5}})"), Code::InvalidArg, "unified.memory.max = 5"},
    {"NamespaceTwice", config({.namespaces = R"([{"type": "pid"}, {"type": "pid"}])"}), Code::InvalidArg,
     "linux.namespaces[1]"},
    {"ControlCharacter", config({.top = R"(, "hostname": "a\u0001b")"}), Code::InvalidArg, "control character"},
};

class OciRefuses : public testing::TestWithParam<OciRefusal> {};

TEST_P(OciRefuses, NamingThePath) {
  const auto error = error_of([] { from_native(kOci, GetParam().text); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), GetParam().code) << error->message();
  EXPECT_THAT(error->message(), HasSubstr(GetParam().names));
}

INSTANTIATE_TEST_SUITE_P(Values, OciRefuses, testing::ValuesIn(kRefusals),
                         [](const auto& test) { return test.param.title; });

/// What was read is written in full on the first trip back, also of configurations that leave things open or misspell
/// them: their memory is a limit then, and their capabilities are named (all found by fuzzing).
TEST(NativeOci, TheFirstTripBackLosesNothing) {
  const std::string process = R"({"args": ["/bin/sh"], "capabilities": {"bounding": ["CAP_CHOWN"]}})";
  for (const OciPieces& pieces :
       {OciPieces{.process = process, .resources = R"({"memory": {"swap": 1073741824, "reservation": 536870912}})"},
        OciPieces{.process = process, .resources = "{}"},
        OciPieces{.process = process, .namespaces = R"([{"type":"pid"},{"type":"ipb"},{"type":"networl"}])"},
        OciPieces{.process = process, .namespaces = R"([{"type":"ipb","path":"/proc/7/ns/ipc"},{"type":"network"}])"},
        OciPieces{.process = process, .resources = R"({"unified": {"memory.max": "1000000", "memory.swap.max": "1"}})"},
        OciPieces{.process = R"({"capabilities": {"boundinh": ["CAP_CHOWN"]}})"}}) {
    DomainDefinition definition = read(pieces);
    const DomainDefinition again = convert_native(kOci, to_native(kOci, definition)).definition;
    EXPECT_THAT(lost_lines(definition, again), IsEmpty());
    definition.memory_tune.hard_limit_kib = definition.memory_kib;
    EXPECT_TRUE(again == definition) << format_domain(definition, View::Inactive)
                                     << format_domain(again, View::Inactive);
  }
}

TEST(NativeOci, NothingIsLeftOutOfAPlainConfiguration) {
  EXPECT_THAT(notes({}), IsEmpty());
}

TEST(NativeOci, WhoseNetworkItIs) {
  const auto with = [](const std::string& network) {
    return read({.namespaces = R"([{"type": "pid"})" + network + "]"});
  };
  EXPECT_FALSE(with("").features.privnet);
  EXPECT_TRUE(with(R"(, {"type": "network"})").features.privnet);
  EXPECT_EQ(with(R"(, {"type": "network", "path": "/run/netns/blue"})").shared_net,
            (SharedNamespace{SharedNamespace::From::Netns, "blue"}));
  EXPECT_EQ(with(R"(, {"type": "network", "path": "/proc/42/ns/net"})").shared_net,
            (SharedNamespace{SharedNamespace::From::Pid, "42"}));
  EXPECT_EQ(with(R"(, {"type": "ipc", "path": "/proc/42/ns/ipc"})").shared_ipc,
            (SharedNamespace{SharedNamespace::From::Pid, "42"}));
  for (const char* path : {"/run/netns", "/run/netns/", "/run/netns/a/b", "/proc/x/ns/net", "/proc/42/ns/ipc", "/a"}) {
    const DomainDefinition definition = with(base::join(R"(, {"type": "network", "path": ")", path, R"("})"));
    EXPECT_FALSE(definition.shared_net) << path;
    EXPECT_TRUE(definition.features.privnet) << "never the host's by mistake: " << path;
  }
}

TEST(NativeOci, Partitions) {
  const auto partition = [](const std::string& path) {
    return read({.linux = R"(, "cgroupsPath": ")" + path + "\""}).partition;
  };
  EXPECT_EQ(partition("/machine/web"), "/machine");
  EXPECT_EQ(partition("/machine/prod/web"), "/machine/prod");
  EXPECT_EQ(partition("machine.slice:lxcell:web"), "/machine");
  EXPECT_EQ(partition("machine-prod.slice:lxcell:web"), "/machine/prod");
  for (const char* path : {"", "/", "///", "/web", "web", "a/b", ":a:b", "/../x/web"})
    EXPECT_EQ(partition(path), "") << path;
}

TEST(NativeOci, NumbersThatMeanNone) {
  const DomainDefinition unlimited = read(
      {.resources = R"({"memory": {"limit": -1, "swap": -1, "reservation": 0}, "cpu": {"quota": -1, "shares": 0}})"});
  EXPECT_EQ(unlimited.memory_kib, 9007199254740991u);
  EXPECT_EQ(unlimited.memory_tune, MemoryTune{});
  EXPECT_EQ(unlimited.cpu_tune.quota_us, -1);
  EXPECT_FALSE(unlimited.cpu_tune.shares);
  const DomainDefinition beyond = read({.resources = R"({"memory": {"limit": 18446744073709551615}})"});
  EXPECT_EQ(beyond.memory_kib, 9007199254740991u);
}

TEST(NativeOci, WriterSaysWhatItCannot) {
  const std::string text =
      to_native(kOci, define(document({.top = "<title>T</title>",
                                       .devices = "<filesystem><source dir='/srv/web'/><target dir='/'/></filesystem>"
                                                  "<interface type='bridge'><source bridge='br0'/></interface>"})));
  EXPECT_THAT(text, HasSubstr("org.libvirt.lxcell.not-converted"));
  EXPECT_THAT(text, HasSubstr(R"(<title>T</title>\n)"));
  EXPECT_THAT(text, HasSubstr(R"(<interface type='bridge'>\n)"));
  EXPECT_THAT(text, HasSubstr(R"("CAP_CHOWN")"));
  EXPECT_THAT(text, Not(HasSubstr(R"("CAP_SYS_MODULE")")));
  EXPECT_THAT(text, HasSubstr(R"("CAP_PERFMON")"));
  EXPECT_THAT(text, Not(HasSubstr("<memory")));
}

TEST(NativeOci, WriterNeedsADirectoryAsRoot) {
  const auto error = error_of([] {
    to_native(
        kOci,
        define(document({.devices = "<filesystem type='block'><source dev='/dev/x'/><target dir='/'/></filesystem>"})));
  });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), Code::ConfigUnsupported);
}

TEST(NativeOci, HostileText) {
  const auto code = [](const std::string& text) {
    const auto error = error_of([&] { from_native(kOci, text); });
    return error ? error->code() : Code::Ok;
  };
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += R"({"a":)";
  EXPECT_EQ(code(deep), Code::ConfSyntax);
  const std::string opened(100, '['), closed(100, ']');
  EXPECT_EQ(code(config({.top = R"(, "x": )" + opened + closed})), Code::ConfSyntax);
  EXPECT_EQ(code(std::string(5 << 20, ' ')), Code::ConfigUnsupported);
  EXPECT_EQ(code(R"({"a\u0000b": 1})"), Code::ConfSyntax);
  EXPECT_EQ(code("{\"a\": \"\xff\"}"), Code::InvalidArg);
  EXPECT_EQ(code(R"({"a": 99999999999999999999999})"), Code::ConfSyntax);
  std::string many = R"(, "mounts": [{})";
  for (int i = 0; i < 5000; ++i) many += ",{}";
  EXPECT_EQ(code(config({.top = many + "]"})), Code::ConfigUnsupported);
  const std::string whole = native_file("everything.json");
  for (std::size_t length = 0; length + 2 < whole.size(); ++length)
    EXPECT_NE(code(whole.substr(0, length)), Code::Ok) << length;
}

}  // namespace
}  // namespace domain_xml
