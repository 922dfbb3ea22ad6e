// Bad definitions: the code of the stock driver, a message that names the object, and nothing left behind.
#include <algorithm>
#include <filesystem>
#include <vector>

#include "support/fixture.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

struct BadDefinition {
  const char* name;
  const char* xml;  // NAME stands for the domain's name
  int code;
  const char* names;  // what the message must contain
  bool stock_too;     // stock gives this code and this text as well

  friend std::ostream& operator<<(std::ostream& out, const BadDefinition& bad) { return out << bad.name; }
};

#define REST "<os><type>exe</type><init>/sbin/init</init></os><devices><console type='pty'/></devices>"
#define HEAD "<domain type='lxc'><name>NAME</name><memory>65536</memory>"

const BadDefinition kBadDefinitions[] = {
    {"Malformed", "<domain type='lxc'>\n<name>NAME</name>\n<memory>65536</vcpu>\n</domain>", VIR_ERR_XML_DETAIL,
     ":3:", true},
    {"NotXml", "hello", VIR_ERR_XML_DETAIL, ":1:", true},
    {"Empty", "", VIR_ERR_XML_DETAIL, "", true},
    {"Truncated", HEAD, VIR_ERR_XML_DETAIL, ":1:", true},
    {"WrongRoot", "<network><name>NAME</name></network>", VIR_ERR_XML_ERROR, "network", true},
    {"NoType", "<domain><name>NAME</name><memory>65536</memory>" REST "</domain>", VIR_ERR_INTERNAL_ERROR, "type",
     true},
    {"UnknownType", "<domain type='boat'><name>NAME</name><memory>65536</memory>" REST "</domain>",
     VIR_ERR_CONFIG_UNSUPPORTED, "boat", false},
    {"OtherType", "<domain type='kvm'><name>NAME</name><memory>65536</memory>" REST "</domain>", VIR_ERR_INVALID_ARG,
     "kvm", true},
    {"NoName", "<domain type='lxc'><memory>65536</memory>" REST "</domain>", VIR_ERR_NO_NAME, "", true},
    {"EmptyName", "<domain type='lxc'><name></name><memory>65536</memory>" REST "</domain>", VIR_ERR_NO_NAME, "", true},
    {"SlashInName", "<domain type='lxc'><name>NAME/x</name><memory>65536</memory>" REST "</domain>", VIR_ERR_XML_ERROR,
     "NAME/x", true},
    {"NewlineInName", "<domain type='lxc'><name>NAME\nx</name><memory>65536</memory>" REST "</domain>",
     VIR_ERR_XML_DETAIL, "", true},
    {"BadUuid", HEAD "<uuid>not-a-uuid</uuid>" REST "</domain>", VIR_ERR_INTERNAL_ERROR, "uuid", true},
    {"NoMemory", "<domain type='lxc'><name>NAME</name>" REST "</domain>", VIR_ERR_XML_ERROR, "memory", true},
    {"ZeroMemory", "<domain type='lxc'><name>NAME</name><memory>0</memory>" REST "</domain>", VIR_ERR_XML_ERROR,
     "memory", true},
    {"TextMemory", "<domain type='lxc'><name>NAME</name><memory>much</memory>" REST "</domain>", VIR_ERR_XML_ERROR,
     "memory", true},
    {"BadUnit", "<domain type='lxc'><name>NAME</name><memory unit='feet'>1</memory>" REST "</domain>",
     VIR_ERR_INVALID_ARG, "feet", true},
    {"HugeMemory", "<domain type='lxc'><name>NAME</name><memory unit='E'>9000</memory>" REST "</domain>",
     VIR_ERR_OVERFLOW, "", true},
    {"TextVcpu", HEAD "<vcpu>many</vcpu>" REST "</domain>", VIR_ERR_XML_ERROR, "vcpu", true},
    {"NoInit", HEAD "<os><type>exe</type></os></domain>", VIR_ERR_XML_ERROR, "init", true},
    {"NoOsType", HEAD "<os><init>/sbin/init</init></os></domain>", VIR_ERR_XML_ERROR, "type", true},
    {"ForeignOsType", HEAD "<os><type>hvm</type><init>/sbin/init</init></os></domain>", VIR_ERR_INVALID_ARG, "hvm",
     false},
    {"EmptyInitarg", HEAD "<os><type>exe</type><init>/sbin/init</init><initarg/></os></domain>", VIR_ERR_XML_ERROR, "",
     true},
    {"UnknownFeature", HEAD "<features><wings/></features>" REST "</domain>", VIR_ERR_CONFIG_UNSUPPORTED, "wings",
     true},
    {"UnknownCapability",
     HEAD "<features><capabilities><flying state='on'/></capabilities></features>" REST "</domain>",
     VIR_ERR_CONFIG_UNSUPPORTED, "flying", true},
    {"BadLifecycle", HEAD "<on_reboot>dance</on_reboot>" REST "</domain>", VIR_ERR_CONFIG_UNSUPPORTED, "dance", true},
    {"BadClock", HEAD "<clock offset='moon'/>" REST "</domain>", VIR_ERR_CONFIG_UNSUPPORTED, "moon", false},
    {"SharesOutOfRange", HEAD "<cputune><shares>1</shares></cputune>" REST "</domain>", VIR_ERR_CONFIG_UNSUPPORTED,
     "shares", true},
    {"FilesystemWithoutSource",
     HEAD "<devices><filesystem type='mount'><target dir='/x'/></filesystem></devices>"
          "<os><type>exe</type><init>/sbin/init</init></os></domain>",
     VIR_ERR_NO_SOURCE, "", true},
    {"FilesystemWithoutTarget",
     HEAD "<devices><filesystem type='mount'><source dir='/x'/></filesystem></devices>"
          "<os><type>exe</type><init>/sbin/init</init></os></domain>",
     VIR_ERR_NO_TARGET, "", true},
    {"BadMac",
     HEAD "<devices><interface type='bridge'><mac address='no:mac'/><source bridge='b'/></interface></devices>"
          "<os><type>exe</type><init>/sbin/init</init></os></domain>",
     VIR_ERR_XML_ERROR, "no:mac", true},
    {"MulticastMac",
     HEAD "<devices><interface type='bridge'><mac address='01:00:00:00:00:01'/><source bridge='b'/></interface>"
          "</devices><os><type>exe</type><init>/sbin/init</init></os></domain>",
     VIR_ERR_XML_ERROR, "01:00:00:00:00:01", true},
    {"BadInterfaceType",
     HEAD "<devices><interface type='tube'/></devices>"
          "<os><type>exe</type><init>/sbin/init</init></os></domain>",
     VIR_ERR_XML_ERROR, "tube", true},
};

class BadDefinitionTest : public SystemTest, public testing::WithParamInterface<BadDefinition> {};

TEST_P(BadDefinitionTest, IsRefused) {
  const auto named = [](std::string text) {
    for (auto at = text.find("NAME"); at != std::string::npos; at = text.find("NAME"))
      text.replace(at, 4, own_name("bad"));
    return text;
  };
  const auto& bad = GetParam();
  const int before = virConnectNumOfDefinedDomains(connection_);
  EXPECT_TRUE(fails_with(bad.code, virDomainDefineXML(connection_, named(bad.xml).c_str())));
  if (bad.stock_too || !host().is_stock()) {
    EXPECT_NE(last_failure().message.find(named(bad.names)), std::string::npos) << last_failure().message;
  }
  EXPECT_EQ(virConnectNumOfDefinedDomains(connection_), before);
  EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainLookupByName(connection_, own_name("bad").c_str())));
  if (host().daemon()) {
    EXPECT_FALSE(exists(host().daemon()->config_folder() + "/" + own_name("bad") + ".xml"));
  }
}

std::string definition_name(const testing::TestParamInfo<BadDefinition>& test) {
  return test.param.name;
}
INSTANTIATE_TEST_SUITE_P(Definitions, BadDefinitionTest, testing::ValuesIn(kBadDefinitions), definition_name);

/// Definitions that are fine by themselves, and cannot be started on this host.
class BadStartTest : public SystemTest {
 protected:
  void refuse(const DomainXml& definition, std::vector<int> codes, const std::string& named) {
    const auto links = automatic_links();
    const Domain domain = define(definition);
    EXPECT_EQ(virDomainCreate(domain), -1);
    const Failure failure = last_failure();
    EXPECT_NE(std::find(codes.begin(), codes.end(), failure.code), codes.end()) << describe(failure);
    EXPECT_NE(failure.message.find(named), std::string::npos) << failure.message << "\nnames no " << named;
    EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF);
    EXPECT_EQ(id_of(domain), -1);
    EXPECT_TRUE(eventually([&] { return processes_of(definition.name).empty(); }));
    if (host().is_stock()) return;  // L1, L2
    EXPECT_EQ(wait_for_no_new_links(links), std::vector<std::string>{});
    EXPECT_EQ(wait_for_no_traces(definition.name, host().daemon() ? host().daemon()->state_folder() : ""),
              std::vector<std::string>{});
  }
  Rootfs root_;
};

TEST_F(BadStartTest, MissingInit) {
  DomainXml definition = xml("start", root_);
  definition.init = "/sbin/missing";
  refuse(definition, {VIR_ERR_INTERNAL_ERROR}, "/sbin/missing");
}

TEST_F(BadStartTest, InitIsNotExecutable) {
  SKIP_ON_STOCK("the start succeeds and the container stops right after it");
  root_.write("sbin/text", "just text");
  DomainXml definition = xml("start", root_);
  definition.init = "/sbin/text";
  refuse(definition, {VIR_ERR_INTERNAL_ERROR, VIR_ERR_SYSTEM_ERROR}, "/sbin/text");
}

TEST_F(BadStartTest, MissingInitDirectory) {
  SKIP_ON_STOCK("the start succeeds and the container stops right after it");
  DomainXml definition = xml("start", root_);
  definition.os = "    <initdir>/not/there</initdir>\n";
  refuse(definition, {VIR_ERR_INTERNAL_ERROR, VIR_ERR_SYSTEM_ERROR}, "/not/there");
}

TEST_F(BadStartTest, MissingSourceFolder) {
  DomainXml definition = xml("start", root_);
  definition.devices = mount_filesystem(scratch() + "/not-there", "/mnt");
  refuse(definition, {VIR_ERR_INTERNAL_ERROR}, scratch() + "/not-there");
}

TEST_F(BadStartTest, MissingRootFolder) {
  SKIP_ON_STOCK("makes the folder on the host (L5)");
  DomainXml definition = xml("start");
  definition.root = scratch() + "/no-root";
  refuse(definition, {VIR_ERR_INTERNAL_ERROR, VIR_ERR_SYSTEM_ERROR}, scratch() + "/no-root");
  EXPECT_FALSE(exists(scratch() + "/no-root"));
}

TEST_F(BadStartTest, RootIsAFile) {
  root_.write("file", "");
  DomainXml definition = xml("start");
  definition.root = root_ / "file";
  refuse(definition, {VIR_ERR_INTERNAL_ERROR, VIR_ERR_SYSTEM_ERROR}, host().is_stock() ? "" : root_ / "file");
}

TEST_F(BadStartTest, UnknownBridge) {
  DomainXml definition = xml("start", root_);
  definition.private_network = false;
  definition.devices = bridge_interface("lxs-nobridge");
  refuse(definition, {VIR_ERR_SYSTEM_ERROR}, "lxs-nobridge");
}

TEST_F(BadStartTest, BridgeThatIsNone) {
  DomainXml definition = xml("start", root_);
  definition.private_network = false;
  definition.devices = bridge_interface("lo");
  refuse(definition, {VIR_ERR_SYSTEM_ERROR}, "lo");
}

TEST_F(BadStartTest, SecondInterfaceFails) {
  const Bridge bridge;
  DomainXml definition = xml("start", root_);
  definition.private_network = false;
  definition.devices = bridge_interface(bridge.name()) + bridge_interface("lxs-nobridge");
  refuse(definition, {VIR_ERR_SYSTEM_ERROR}, "lxs-nobridge");
  EXPECT_TRUE(eventually([&] { return bridge.ports().empty(); }));
}

TEST_F(BadStartTest, NoConsole) {
  DomainXml definition = xml("start", root_);
  definition.consoles = 0;
  refuse(definition, {VIR_ERR_CONFIG_UNSUPPORTED}, "console");
}

TEST_F(BadStartTest, LibraryThatCannotBeRun) {
  SKIP_ON_STOCK("the start succeeds and the container stops right after it");
  root_.write("sbin/garbage", std::string("\x7f"
                                          "ELFnonsense"));
  fs::permissions(root_ / "sbin/garbage", fs::perms(0755));
  DomainXml definition = xml("start", root_);
  definition.init = "/sbin/garbage";
  refuse(definition, {VIR_ERR_INTERNAL_ERROR, VIR_ERR_SYSTEM_ERROR}, "/sbin/garbage");
}

TEST_F(BadStartTest, StartsAfterTheCauseIsGone) {
  DomainXml definition = xml("start", root_);
  fs::rename(root_ / "sbin/init", root_ / "sbin/away");
  refuse(definition, {VIR_ERR_INTERNAL_ERROR}, "/sbin/init");
  fs::rename(root_ / "sbin/away", root_ / "sbin/init");
  const Domain domain(virDomainLookupByName(connection_, definition.name.c_str()));
  EXPECT_TRUE(ok(virDomainCreate(domain)));
}

}  // namespace
