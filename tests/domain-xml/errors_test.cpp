// Every refusal of the XML reference: the code, the part of libvirt it comes from, and the object named.
#include <gtest/gtest.h>

#include "documents.hpp"

namespace domain_xml {
namespace {

using base::Code;
using base::From;

struct Refusal {
  std::string title;
  std::string xml;
  Code code;
  From from;
  std::string names;  // must occur in the message
};

std::string devices(const std::string& xml) {
  return document({.devices = xml});
}
std::string top(const std::string& xml) {
  return document({.top = xml});
}
std::string memory(const std::string& xml) {
  return document({.memory = xml});
}
std::string os(const std::string& xml) {
  return document({.os = xml});
}
std::string nic(const std::string& xml) {
  return devices("<interface type='bridge'><source bridge='br0'/>" + xml + "</interface>");
}

const Refusal kRefusals[] = {
    {"EmptyText", "", Code::XmlDetail, From::Domain, "(domain_definition):1"},
    {"NoXml", "not xml at all", Code::XmlDetail, From::Domain, "(domain_definition):1"},
    {"Truncated", "<domain type='lxc'><name>a</name>", Code::XmlDetail, From::Domain, "domain"},
    {"TextBehindRoot", document({}) + "x", Code::XmlDetail, From::Domain, "(domain_definition)"},
    {"BareAmpersand", "<domain><name>a&b</name></domain>", Code::XmlDetail, From::Domain, "EntityRef"},
    {"UndeclaredEntity", "<domain><name>&b;</name></domain>", Code::XmlDetail, From::Domain, "'b'"},
    {"OtherRoot", "<network/>", Code::XmlError, From::Xml, "'network'"},

    {"NoName", document({.name = ""}), Code::NoName, From::Domain, ""},
    {"EmptyName", document({.name = "<name/>"}), Code::NoName, From::Domain, ""},
    {"NameBeforeType", "<domain/>", Code::NoName, From::Domain, ""},
    {"SlashInName", document({.name = "<name>a/b</name>"}), Code::XmlError, From::Domain, "'a/b'"},
    {"NewlineInName", document({.name = "<name>a\nb</name>"}), Code::XmlDetail, From::Xml, "newline"},
    {"NoType", document({.type = ""}), Code::InternalError, From::Domain, "type"},
    {"UnknownType", document({.type = "type='jail'"}), Code::ConfigUnsupported, From::Domain, "'jail'"},
    {"OtherType", document({.os = "<type>hvm</type>", .type = "type='kvm'"}), Code::InvalidArg, From::Capabilities,
     "'kvm'"},
    {"BadUuid", document({.uuid = "<uuid>x</uuid>"}), Code::InternalError, From::Domain, "'x'"},
    {"BadGenid", top("<genid>x</genid>"), Code::InternalError, From::Domain, "'x'"},
    {"TwoGenids", top("<genid/><genid/>"), Code::XmlError, From::Domain, "genid"},
    {"NewlineInTitle", top("<title>a\nb</title>"), Code::XmlError, From::Domain, "title"},

    {"NoMemory", memory(""), Code::XmlError, From::Domain, "memory"},
    {"ZeroMemory", memory("<memory>0</memory>"), Code::XmlError, From::Domain, "memory"},
    {"TextMemory", memory("<memory>much</memory>"), Code::XmlError, From::Xml, "'much'"},
    {"NegativeMemory", memory("<memory>-1</memory>"), Code::XmlError, From::Xml, "'-1'"},
    {"MemoryBeyond64Bits", memory("<memory>99999999999999999999</memory>"), Code::XmlError, From::Xml,
     "'99999999999999999999'"},
    {"MemoryBeyond63Bits", memory("<memory>9007199254740992</memory>"), Code::Overflow, From::None, "9007199254740992"},
    {"MemoryUnit", memory("<memory unit='foo'>1</memory>"), Code::InvalidArg, From::None, "'foo'"},
    {"DumpCore", memory("<memory dumpCore='x'>1</memory>"), Code::XmlError, From::Xml, "'dumpCore'"},
    {"TextCurrentMemory", top("<currentMemory>x</currentMemory>"), Code::XmlError, From::Xml, "currentMemory"},
    {"MaxMemory", top("<maxMemory slots='1'>1</maxMemory>"), Code::ConfigUnsupported, From::Domain, "maxMemory"},
    {"TextMemtune", top("<memtune><hard_limit>x</hard_limit></memtune>"), Code::XmlError, From::Xml, "hard_limit"},

    {"TextVcpu", top("<vcpu>x</vcpu>"), Code::XmlError, From::Domain, "'x'"},
    {"EmptyVcpu", top("<vcpu/>"), Code::XmlError, From::Domain, "vcpus"},
    {"MoreCurrentVcpus", top("<vcpu current='3'>2</vcpu>"), Code::ConfigUnsupported, From::Domain, "3"},
    {"TextCurrentVcpus", top("<vcpu current='x'>2</vcpu>"), Code::XmlError, From::Xml, "'current'"},
    {"BadCpuset", top("<vcpu cpuset='x'>2</vcpu>"), Code::InvalidArg, From::None, "'x'"},
    {"BackwardCpuset", top("<vcpu cpuset='3-1'>2</vcpu>"), Code::InvalidArg, From::None, "'3-1'"},
    {"EmptyCpuset", top("<vcpu cpuset=''>2</vcpu>"), Code::InvalidArg, From::None, ""},
    {"NothingLeftOfCpuset", top("<vcpu cpuset='1,^1'>2</vcpu>"), Code::ConfigUnsupported, From::Domain, "'1,^1'"},
    {"VcpuPlacement", top("<vcpu placement='x'>2</vcpu>"), Code::XmlError, From::Xml, "'placement'"},
    {"SingleVcpus", top("<vcpus><vcpu id='0' enabled='yes'/></vcpus>"), Code::ConfigUnsupported, From::Domain, "vcpus"},
    {"SharesTooLow", top("<cputune><shares>1</shares></cputune>"), Code::ConfigUnsupported, From::Domain, "'shares'"},
    {"SharesTooHigh", top("<cputune><shares>262145</shares></cputune>"), Code::ConfigUnsupported, From::Domain,
     "262145"},
    {"TextShares", top("<cputune><shares>x</shares></cputune>"), Code::XmlError, From::Domain, "shares"},
    {"PeriodTooLow", top("<cputune><period>999</period></cputune>"), Code::ConfigUnsupported, From::Domain, "'period'"},
    {"PeriodTooHigh", top("<cputune><period>1000001</period></cputune>"), Code::ConfigUnsupported, From::Domain,
     "'period'"},
    {"NegativePeriod", top("<cputune><period>-1</period></cputune>"), Code::XmlError, From::Domain, "period"},
    {"QuotaTooLow", top("<cputune><quota>999</quota></cputune>"), Code::ConfigUnsupported, From::Domain, "'quota'"},
    {"QuotaTooHigh", top("<cputune><quota>17592186044416</quota></cputune>"), Code::ConfigUnsupported, From::Domain,
     "'quota'"},
    {"GlobalPeriod", top("<cputune><global_period>5</global_period></cputune>"), Code::ConfigUnsupported, From::Domain,
     "'global_period'"},
    {"PinWithoutVcpu", top("<cputune><vcpupin cpuset='0'/></cputune>"), Code::XmlError, From::Xml, "'vcpu'"},
    {"PinToNothing", top("<cputune><vcpupin vcpu='0' cpuset='x'/></cputune>"), Code::InvalidArg, From::None, "'x'"},
    {"BlkioWithoutPath", top("<blkiotune><device><weight>5</weight></device></blkiotune>"), Code::ConfigUnsupported,
     From::Domain, "path"},
    {"BlkioPathTwice", top("<blkiotune><device><path>/a</path></device><device><path>/a</path></device></blkiotune>"),
     Code::ConfigUnsupported, From::Domain, "'/a'"},
    {"TextBlkioLimit", top("<blkiotune><device><path>/a</path><read_iops_sec>x</read_iops_sec></device></blkiotune>"),
     Code::ConfigUnsupported, From::Domain, "read_iops_sec"},
    {"NumaMode", top("<numatune><memory mode='x' nodeset='0'/></numatune>"), Code::ConfigUnsupported, From::Domain,
     "'x'"},
    {"NumaWithoutNodeset", top("<numatune><memory mode='strict'/></numatune>"), Code::ConfigUnsupported, From::Domain,
     "nodeset"},
    {"NumaNodeset", top("<numatune><memory nodeset='x'/></numatune>"), Code::InvalidArg, From::None, "'x'"},
    {"TwoResources", top("<resource><partition>/a</partition></resource><resource/>"), Code::XmlError, From::Domain,
     "resource"},

    {"NoOsType", os("<init>/i</init>"), Code::XmlError, From::Domain, "os/type"},
    {"UnknownOsType", os("<type>foo</type><init>/i</init>"), Code::ConfigUnsupported, From::Domain, "'foo'"},
    {"OtherOsType", os("<type>hvm</type>"), Code::InvalidArg, From::Capabilities, "'hvm'"},
    {"UnknownArch", os("<type arch='pdp11'>exe</type><init>/i</init>"), Code::ConfigUnsupported, From::Domain,
     "'pdp11'"},
    {"ArchNotOffered", os("<type arch='ppc64'>exe</type><init>/i</init>"), Code::InvalidArg, From::Capabilities,
     "'ppc64'"},
    {"NoInit", os("<type>exe</type>"), Code::XmlError, From::Domain, "init"},
    {"EmptyInit", os("<type>exe</type><init/>"), Code::XmlError, From::Domain, "init"},
    {"EmptyInitarg", os("<type>exe</type><init>/i</init><initarg/>"), Code::XmlError, From::Domain, "initarg"},
    {"InitenvWithoutName", os("<type>exe</type><init>/i</init><initenv>v</initenv>"), Code::XmlError, From::Domain,
     "initenv"},
    {"InitenvWithoutText", os("<type>exe</type><init>/i</init><initenv name='A'/>"), Code::XmlError, From::Domain,
     "'A'"},
    {"OnlyUids", top("<idmap><uid start='0' target='1' count='1'/></idmap>"), Code::ConfigUnsupported, From::Domain,
     "idmap"},
    {"RootNotMapped", top("<idmap><uid start='1' target='1' count='1'/><gid start='0' target='1' count='1'/></idmap>"),
     Code::ConfigUnsupported, From::Domain, "root"},
    {"TextIdmap", top("<idmap><uid start='x' target='1' count='1'/><gid start='0' target='1' count='1'/></idmap>"),
     Code::XmlError, From::Domain, "'start'"},
    {"IdmapWithoutTarget", top("<idmap><uid start='0' count='1'/><gid start='0' target='1' count='1'/></idmap>"),
     Code::XmlError, From::Domain, "'target'"},

    {"UnknownFeature", top("<features><foo/></features>"), Code::ConfigUnsupported, From::Domain, "'foo'"},
    {"UnknownCapability", top("<features><capabilities><foo/></capabilities></features>"), Code::ConfigUnsupported,
     From::Domain, "'foo'"},
    {"CapabilityPolicy", top("<features><capabilities policy='x'/></features>"), Code::XmlError, From::Xml, "'policy'"},
    {"CapabilityState", top("<features><capabilities><mknod state='x'/></capabilities></features>"), Code::XmlError,
     From::Xml, "'mknod'"},
    {"UnknownAction", top("<on_crash>x</on_crash>"), Code::ConfigUnsupported, From::Domain, "'on_crash'"},
    {"CoredumpOnPoweroff", top("<on_poweroff>coredump-destroy</on_poweroff>"), Code::ConfigUnsupported, From::Domain,
     "'on_poweroff'"},
    {"CoredumpOnReboot", top("<on_reboot>coredump-restart</on_reboot>"), Code::ConfigUnsupported, From::Domain,
     "'on_reboot'"},
    {"ClockOffset", top("<clock offset='x'/>"), Code::ConfigUnsupported, From::Domain, "'x'"},
    {"ClockWithoutTimezone", top("<clock offset='timezone'/>"), Code::InternalError, From::Domain, "'timezone'"},
    {"ClockWithoutStart", top("<clock offset='absolute'/>"), Code::InternalError, From::Domain, "'start'"},
    {"TimerName", top("<clock offset='utc'><timer name='x'/></clock>"), Code::XmlError, From::Xml, "'timer'"},
    {"TimerWithoutName", top("<clock offset='utc'><timer/></clock>"), Code::XmlError, From::Xml, "'name'"},
    {"TimerPresent", top("<clock offset='utc'><timer name='rtc' present='x'/></clock>"), Code::XmlError, From::Xml,
     "'present'"},

    {"FilesystemType", devices("<filesystem type='x'/>"), Code::XmlError, From::Xml, "'type'"},
    {"FilesystemAccessMode", devices("<filesystem accessmode='x'><source dir='/a'/><target dir='/'/></filesystem>"),
     Code::XmlError, From::Xml, "'accessmode'"},
    {"FilesystemDriver", devices("<filesystem><driver type='x'/><source dir='/a'/><target dir='/'/></filesystem>"),
     Code::XmlError, From::Xml, "'driver'"},
    {"FilesystemFormat",
     devices("<filesystem><driver type='nbd' format='x'/><source dir='/a'/><target dir='/'/></filesystem>"),
     Code::ConfigUnsupported, From::Domain, "'x'"},
    {"FilesystemMode", devices("<filesystem fmode='999'><source dir='/a'/><target dir='/'/></filesystem>"),
     Code::XmlError, From::Xml, "'fmode'"},
    {"FilesystemBoot", devices("<filesystem><boot order='1'/><source dir='/a'/><target dir='/'/></filesystem>"),
     Code::ConfigUnsupported, From::Domain, "boot"},
    {"FilesystemWithoutSource", devices("<filesystem><target dir='/b'/></filesystem>"), Code::NoSource, From::Domain,
     "/b"},
    {"FilesystemOtherSource", devices("<filesystem type='file'><source dir='/a'/><target dir='/b'/></filesystem>"),
     Code::NoSource, From::Domain, "/b"},
    {"FilesystemWithoutTarget", devices("<filesystem><source dir='/a'/></filesystem>"), Code::NoTarget, From::Domain,
     "/a"},
    {"FilesystemEmptyTarget", devices("<filesystem><source dir='/a'/><target/></filesystem>"), Code::NoTarget,
     From::Domain, "/a"},
    {"RamWithoutUsage", devices("<filesystem type='ram'><source/><target dir='/b'/></filesystem>"), Code::XmlError,
     From::Domain, "usage"},
    {"RamUsage", devices("<filesystem type='ram'><source usage='x'/><target dir='/b'/></filesystem>"), Code::XmlError,
     From::Domain, "'x'"},
    {"RamUnits", devices("<filesystem type='ram'><source usage='5' units='zz'/><target dir='/b'/></filesystem>"),
     Code::InvalidArg, From::None, "'zz'"},
    {"VolumeWithoutVolume", devices("<filesystem type='volume'><source pool='p'/><target dir='/b'/></filesystem>"),
     Code::XmlError, From::Domain, "volume"},
    {"SpaceLimit",
     devices("<filesystem><source dir='/a'/><target dir='/b'/><space_hard_limit>x</space_hard_limit></filesystem>"),
     Code::XmlError, From::Xml, "space_hard_limit"},

    {"InterfaceType", devices("<interface type='x'/>"), Code::XmlError, From::Xml, "'x'"},
    {"BridgeWithoutSource", devices("<interface type='bridge'/>"), Code::XmlError, From::Domain, "'bridge'"},
    {"NetworkWithoutSource", devices("<interface type='network'/>"), Code::XmlError, From::Domain, "'network'"},
    {"DirectMode", devices("<interface type='direct'><source dev='e' mode='x'/></interface>"), Code::XmlError,
     From::Xml, "'mode'"},
    {"HostAddressOfBridge",
     devices("<interface type='bridge'><source bridge='b'><ip address='192.0.2.1'/></source></interface>"),
     Code::ConfigUnsupported, From::Domain, "'bridge'"},
    {"Mac", nic("<mac address='x'/>"), Code::XmlError, From::Domain, "'x'"},
    {"MacWithDashes", nic("<mac address='52-54-00-00-00-01'/>"), Code::XmlError, From::Domain, "52-54"},
    {"MacWithThreeDigits", nic("<mac address='52:54:00:00:00:001'/>"), Code::XmlError, From::Domain, "001"},
    {"MulticastMac", nic("<mac address='01:00:00:00:00:00'/>"), Code::XmlError, From::Domain, "multicast"},
    {"LinkState", nic("<link state='x'/>"), Code::ConfigUnsupported, From::Domain, "'x'"},
    {"Mtu", nic("<mtu size='x'/>"), Code::XmlError, From::Domain, "mtu"},
    {"Model", nic("<model type='foo'/>"), Code::ConfigUnsupported, From::Domain, "'foo'"},
    {"IpWithoutAddress", nic("<ip/>"), Code::XmlError, From::Domain, "address"},
    {"IpAddress", nic("<ip address='1.2.3.400'/>"), Code::XmlError, From::Domain, "1.2.3.400"},
    {"IpFamily", nic("<ip address='1.2.3.4' family='ipv6'/>"), Code::XmlError, From::Domain, "1.2.3.4"},
    {"IpPrefix", nic("<ip address='1.2.3.4' prefix='33'/>"), Code::XmlError, From::Domain, "'33'"},
    {"IpPeer", nic("<ip address='1.2.3.4' peer='x'/>"), Code::InvalidArg, From::Domain, "'x'"},
    {"RouteWithoutGateway", nic("<route address='10.0.0.0' prefix='8'/>"), Code::XmlError, From::Network, "gateway"},
    {"RouteWithoutAddress", nic("<route gateway='10.0.0.1'/>"), Code::XmlError, From::Network, "address"},
    {"RouteToHost", nic("<route address='10.0.0.1' prefix='8' gateway='10.0.0.1'/>"), Code::XmlError, From::Network,
     "10.0.0.1"},
    {"RouteWithoutPrefix", nic("<route address='10.0.0.0' gateway='10.0.0.1'/>"), Code::XmlError, From::Network,
     "10.0.0.0"},
    {"RouteFamily", nic("<route family='ipv6' address='::' gateway='10.0.0.1'/>"), Code::XmlError, From::Network,
     "ipv6"},
    {"RouteNetmask", nic("<route address='10.0.0.0' netmask='255.0.255.0' gateway='10.0.0.1'/>"), Code::XmlError,
     From::Network, "netmask"},
    {"RouteMetric", nic("<route address='10.0.0.0' prefix='8' gateway='10.0.0.1' metric='0'/>"), Code::XmlError,
     From::Xml, "'metric'"},
    {"VlanWithoutTag", nic("<vlan/>"), Code::XmlError, From::None, "tag"},
    {"VlanTag", nic("<vlan><tag id='4096'/></vlan>"), Code::XmlError, From::None, "4096"},
    {"VirtualportType", nic("<virtualport/>"), Code::XmlError, From::None, "virtualport"},
    {"VirtualportOnEthernet", devices("<interface type='ethernet'><virtualport type='openvswitch'/></interface>"),
     Code::ConfigUnsupported, From::Domain, "virtualport"},
    {"InboundWithoutAverage", nic("<bandwidth><inbound peak='2'/></bandwidth>"), Code::XmlDetail, From::None,
     "inbound"},
    {"BandwidthText", nic("<bandwidth><inbound average='x'/></bandwidth>"), Code::ConfigUnsupported, From::None, "'x'"},
    {"FloorWithoutNetwork", nic("<bandwidth><inbound average='1' floor='3'/></bandwidth>"), Code::ConfigUnsupported,
     From::None, "floor"},
    {"PortIsolated", nic("<port isolated='x'/>"), Code::XmlError, From::Xml, "'isolated'"},

    {"ConsoleType", devices("<console type='x'/>"), Code::ConfigUnsupported, From::Domain, "'x'"},
    {"ConsoleTarget", devices("<console><target type='x'/></console>"), Code::ConfigUnsupported, From::Domain, "'x'"},
    {"ConsolePort", devices("<console><target port='x'/></console>"), Code::XmlError, From::Domain, "'x'"},
    {"SecondSerialConsole", devices("<console/><console><target type='serial'/></console>"), Code::ConfigUnsupported,
     From::Domain, "serial"},

    {"HostdevMode", devices("<hostdev mode='x' type='usb'/>"), Code::ConfigUnsupported, From::Domain, "'x'"},
    {"HostdevType", devices("<hostdev mode='capabilities' type='x'/>"), Code::ConfigUnsupported, From::Domain, "'x'"},
    {"HostdevWithoutType", devices("<hostdev/>"), Code::XmlError, From::Domain, "type"},
    {"HostdevWithoutSource", devices("<hostdev mode='capabilities' type='storage'/>"), Code::XmlError, From::Domain,
     "source"},
    {"HostdevEmptyChild", devices("<hostdev mode='capabilities' type='storage'><source><block/></source></hostdev>"),
     Code::XmlError, From::Domain, "'block'"},
    {"HostdevTwice",
     devices("<hostdev mode='capabilities' type='misc'><source><char>/a</char></source></hostdev><hostdev "
             "mode='capabilities' type='misc'><source><char>/a</char></source></hostdev>"),
     Code::XmlError, From::Domain, "'/a'"},
    {"UsbWithoutProduct", devices("<hostdev mode='subsystem' type='usb'><source><vendor id='1'/></source></hostdev>"),
     Code::InternalError, From::Domain, "product"},
    {"UsbAddress",
     devices("<hostdev mode='subsystem' type='usb'><source><address bus='x' device='1'/></source></hostdev>"),
     Code::XmlError, From::Xml, "'bus'"},
    {"DiskWithoutTarget", devices("<disk type='block'><source dev='/a'/></disk>"), Code::NoTarget, From::Domain, "/a"},
    {"DiskWithoutSource", devices("<disk type='block'><target dev='sda'/></disk>"), Code::NoSource, From::Domain,
     "sda"},
    {"DiskName", devices("<disk type='block'><source dev='/a'/><target dev='foo'/></disk>"), Code::XmlError,
     From::Domain, "'foo'"},
    {"DiskTargetTwice",
     devices("<disk><source file='/a'/><target dev='vda'/></disk><disk><source file='/b'/><target dev='vda'/></disk>"),
     Code::XmlError, From::Domain, "'vda'"},
    {"Input", devices("<input type='mouse'/>"), Code::InternalError, From::Domain, "'input'"},
    {"VideoMemoryBeyondAllPowersOfTwo", devices("<video><model type='vga' vram='2147483649'/></video>"), Code::XmlError,
     From::Domain, "'2147483649'"},
    {"Video", devices("<video/>"), Code::InternalError, From::Domain, "'video'"},
    {"Graphics", devices("<graphics type='vnc'/>"), Code::InternalError, From::Domain, "'graphics'"},
    {"MemoryDevice", devices("<memory model='dimm'/>"), Code::ConfigUnsupported, From::Domain, "'memory'"},
    {"Redirdev", devices("<redirdev bus='usb' type='spicevmc'/>"), Code::ConfigUnsupported, From::Domain, "'redirdev'"},
    {"ChannelWithoutTarget", devices("<channel type='pty'/>"), Code::XmlError, From::Domain, "'target'"},
    {"ControllerTwice", devices("<controller type='ide' index='0'/><controller type='ide' index='0'/>"), Code::XmlError,
     From::Domain, "'ide'"},
    {"SoundModel", devices("<sound model='x'/>"), Code::XmlError, From::Xml, "'model'"},

    {"LabelsWithoutModel", top("<seclabel type='none' model='selinux'/><seclabel type='none'/>"), Code::XmlError,
     From::Domain, "model"},
    {"StaticLabelWithoutLabel", top("<seclabel type='static' model='dac'/>"), Code::XmlError, From::Domain, "label"},
    {"ModelTwice", top("<seclabel type='dynamic' model='dac'/><seclabel type='dynamic' model='dac'/>"), Code::XmlDetail,
     From::Domain, "'dac'"},
    {"DynamicWithoutRelabel", top("<seclabel type='dynamic' model='dac' relabel='no'/>"), Code::ConfigUnsupported,
     From::Domain, "relabel"},
    {"SharedChild", top("<l:namespace xmlns:l='http://libvirt.org/schemas/domain/lxc/1.0'><l:foo/></l:namespace>"),
     Code::ConfigUnsupported, From::Lxc, "'foo'"},
    {"SharedType",
     top("<l:namespace xmlns:l='http://libvirt.org/schemas/domain/lxc/1.0'><l:sharenet type='x' "
         "value='y'/></l:namespace>"),
     Code::InternalError, From::Lxc, "'x'"},
    {"SharedWithoutValue",
     top("<l:namespace xmlns:l='http://libvirt.org/schemas/domain/lxc/1.0'><l:sharenet type='pid'/></l:namespace>"),
     Code::InternalError, From::Lxc, "sharenet"},
    {"ControllerOfEmptyType", devices("<controller type=''/>"), Code::XmlError, From::Xml, "controller"},
};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, WithItsCode) {
  const Refusal& refusal = GetParam();
  const auto error = error_of([&] { define(refusal.xml); });
  ASSERT_TRUE(error.has_value()) << "accepted: " << refusal.xml;
  EXPECT_EQ(static_cast<int>(error->code()), static_cast<int>(refusal.code)) << error->message();
  EXPECT_EQ(static_cast<int>(error->from()), static_cast<int>(refusal.from)) << error->message();
  EXPECT_NE(error->message().find(refusal.names), std::string::npos) << error->message();
}

INSTANTIATE_TEST_SUITE_P(Documents, Refused, testing::ValuesIn(kRefusals),
                         [](const auto& test) { return test.param.title; });

TEST(Refused, MalformedTextShowsLineAndCaret) {
  const auto error = error_of([] { define("<domain type='lxc'>\n<name>a</nme>\n</domain>"); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->message(),
            "(domain_definition):2: Opening and ending tag mismatch: name line 2 and nme\n"
            "<name>a</nme>\n"
            "-------------^");
}

TEST(Refused, FirstProblemWins) {
  const auto error = error_of(
      [] { define(document({.os = "<type>foo</type>", .top = "<vcpu>x</vcpu><features><foo/></features>"})); });
  ASSERT_TRUE(error.has_value());
  EXPECT_NE(error->message().find("os type 'foo'"), std::string::npos) << error->message();
}

TEST(Refused, EveryProblemOfTheSecondStageIsNamed) {
  const auto error = error_of([] {
    define(document(
        {.top = "<cputune><shares>1</shares><period>5</period></cputune><on_reboot>coredump-destroy</on_reboot>"}));
  });
  ASSERT_TRUE(error.has_value());
  for (const char* part : {"'shares'", "'period'", "'on_reboot'"})
    EXPECT_NE(error->message().find(part), std::string::npos) << error->message();
}

}  // namespace
}  // namespace domain_xml
