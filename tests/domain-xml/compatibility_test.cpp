// What libvirt's driver makes of documents found in the wild, seen on its daemon: repeated containers, things filled
// in, things dropped. tests/data/corpus has many more; these are the rules.
#include <gtest/gtest.h>

#include "documents.hpp"

namespace domain_xml {
namespace {

struct Case {
  std::string title;
  Pieces pieces;
  std::vector<std::string> has, has_not;
};

const Case kCases[] = {
    {"FeaturesMerge",
     {.top = "<features><acpi/></features><features><privnet/></features>"},
     {"<acpi/>\n    <privnet/>"},
     {}},
    {"LastOfRepeatedFeaturesCounts",
     {.top = "<features><gic version='2'/><gic version='3'/><kvm><hidden state='on'/></kvm>"
             "<kvm><pv-ipi state='on'/><hidden state='off'/></kvm></features>"},
     {"<gic version='3'/>", "<hidden state='off'/>\n      <pv-ipi state='on'/>"},
     {"version='2'"}},
    {"CapabilitiesMerge",
     {.top = "<features><capabilities policy='allow'><chown state='off'/></capabilities>"
             "<capabilities><mknod/></capabilities></features>"},
     {"<capabilities policy='default'>\n      <chown state='off'/>\n      <mknod state='on'/>"},
     {}},
    {"IdmapsMerge",
     {.top = "<idmap><uid start='0' target='9' count='1'/><gid start='0' target='9' count='1'/></idmap>"
             "<idmap><uid start='1' target='20' count='1'/></idmap>"},
     {"<uid start='0' target='9' count='1'/>\n    <uid start='1' target='20' count='1'/>"},
     {}},
    {"MemtunesMergeFirstCounts",
     {.top = "<memtune><hard_limit>1</hard_limit></memtune>"
             "<memtune><hard_limit>2</hard_limit><soft_limit>3</soft_limit></memtune>"},
     {"'KiB'>1</hard_limit>", "'KiB'>3</soft_limit>"},
     {">2<"}},
    {"DevicesMerge",
     {.top = "<devices><emulator>/a</emulator><console/></devices>",
      .devices = "<rng model='virtio'><backend model='random'/></rng>"},
     {"<console", "<rng"},
     {}},
    {"SharedNamespacesMerge",
     {.top = "<l:namespace xmlns:l='http://libvirt.org/schemas/domain/lxc/1.0'><l:shareipc type='pid' "
             "value='1'/></l:namespace>"
             "<l:namespace xmlns:l='http://libvirt.org/schemas/domain/lxc/1.0'><l:sharenet type='pid' "
             "value='2'/></l:namespace>"},
     {"shareipc", "sharenet"},
     {}},
    {"NoCurrentVcpu", {.top = "<vcpu current='0'>4</vcpu>"}, {"current='0'>4<"}, {}},
    {"EmptyVcpus", {.top = "<vcpu>2</vcpu><vcpus/>"}, {">2</vcpu>"}, {}},
    {"MaxMemoryZero", {.top = "<maxMemory>0</maxMemory>"}, {}, {"maxMemory"}},
    {"UuidWithBlanks",
     {.uuid = "<uuid>\n 6f1c1b0e 96a1 4bb2 8f4c 5a3f5c0b7a01 </uuid>"},
     {"<uuid>6f1c1b0e-96a1-4bb2-8f4c-5a3f5c0b7a01</uuid>"},
     {}},
    {"UuidOfTheFirmware",
     {.uuid = "",
      .top = "<sysinfo type='smbios'><system><entry "
             "name='uuid'>AAAAAAAA00000000000000000000000B</entry></system></sysinfo>"},
     {"<uuid>aaaaaaaa-0000-0000-0000-00000000000b</uuid>", "'uuid'>aaaaaaaa-"},
     {}},
    {"EmptySourceOfAFilesystem",
     {.devices = "<filesystem><source dir=''/><target dir='/b'/></filesystem>"},
     {"<source dir=''/>"},
     {}},
    {"OctalUsbNumbers",
     {.devices =
          "<hostdev mode='subsystem' type='usb'><source><vendor id='010'/><product id='0x1F'/></source></hostdev>"},
     {"<vendor id='0x0008'/>", "<product id='0x001f'/>"},
     {}},
    {"UnknownFamilyOfAnAddress",
     {.devices = "<interface type='ethernet'><ip address='::1' family='ipx'/></interface>"},
     {"address='::1' family='ipv6'"},
     {}},
    {"FilterParametersAreSorted",
     {.devices = "<interface type='ethernet'><filterref filter='f'><parameter name='IP' value='b'/>"
                 "<parameter name='A' value='c'/><parameter name='no good' value='c'/></filterref></interface>"},
     {"name='A' value='c'/>\n        <parameter name='IP' value='b'"},
     {"no good"}},
    {"PinsBeyondTheCountGo",
     {.top = "<vcpu>2</vcpu><cputune><vcpupin vcpu='1' cpuset='0'/><vcpupin vcpu='0' cpuset='1'/>"
             "<vcpupin vcpu='7' cpuset='0'/></cputune>"},
     {"<vcpupin vcpu='0' cpuset='1'/>\n    <vcpupin vcpu='1'"},
     {"vcpu='7'"}},
    {"SchedulersAreSplit",
     {.top = "<vcpu>3</vcpu><cputune><vcpusched vcpus='0-1' scheduler='idle'/></cputune>"},
     {"<vcpusched vcpus='0' scheduler='idle'/>\n    <vcpusched vcpus='1' scheduler='idle'/>"},
     {}},
    {"CpuModelIsCustomAndExact",
     {.top = "<cpu><model>qemu64</model></cpu>"},
     {"<cpu mode='custom' match='exact'>"},
     {}},
    {"CpuDistancesWorkBothWays",
     {.top =
          "<vcpu>2</vcpu><cpu><numa><cell id='0' cpus='0' memory='1' unit='MiB'><distances><sibling id='1' value='21'/>"
          "</distances></cell><cell id='1' cpus='1' memory='1'/></numa></cpu>"},
     {"memory='1024' unit='KiB'", "<sibling id='0' value='21'/>\n          <sibling id='1' value='10'/>"},
     {}},
    {"IothreadsGetIds",
     {.top = "<iothreads>3</iothreads><iothreadids><iothread id='2'/></iothreadids>"},
     {"<iothread id='2'/>\n    <iothread id='1'/>\n    <iothread id='3'/>"},
     {}},
    {"FirstVideoIsPrimary",
     {.devices = "<video><model type='vga' vram='5'/></video>"},
     {"<model type='vga' vram='8' heads='1' primary='yes'/>"},
     {}},
    {"NoVideoMemoryIsTheUsual",  // found by fuzzing
     {.devices = "<video><model type='qxl' ram='0'/></video>"},
     {"<model type='qxl' ram='65536' vram='65536'"},
     {}},
    {"VncListens",
     {.devices = "<graphics type='vnc'/><video><model type='vga'/></video>"},
     {"<graphics type='vnc' port='-1' autoport='yes'>\n      <listen type='address'/>"},
     {}},
    {"SpiceKeepsAllButPasswords",
     {.devices = "<graphics type='spice' tlsPort='5901' passwd='secret'><gl enable='no'/><image compression='off'/>"
                 "</graphics><video><model type='qxl'/></video>"},
     {"<graphics type='spice' tlsPort='5901'>\n      <listen type='address'/>\n      <image compression='off'/>\n"
      "      <gl enable='no'/>"},
     {"secret"}},
    {"TcpConsole",
     {.devices = "<console type='tcp'><source host='h' service='1'/></console>"},
     {"<source mode='connect' host='h' service='1'/>\n      <protocol type='raw'/>"},
     {}},
    {"RestOfADisk",
     {.devices = "<disk rawio='yes'><driver name='nbd' io='native'/><source file='/a'/><target dev='sda' "
                 "tray='open'/></disk>"},
     {"device='disk' rawio='yes'>", "<driver name='nbd' io='native'/>", "bus='scsi' tray='open'/>"},
     {}},
    {"VirtiofsSocket",
     {.devices = "<filesystem><driver type='virtiofs'/><source socket='/s'/><target dir='/b'/></filesystem>"},
     {"<filesystem type='mount'>", "<source socket='/s'/>"},
     {}},
};

class Compatibility : public testing::TestWithParam<Case> {};

TEST_P(Compatibility, ReadsAsLibvirtDoes) {
  const std::string xml = dump(document(GetParam().pieces));
  for (const std::string& text : GetParam().has) EXPECT_NE(xml.find(text), std::string::npos) << text << "\n" << xml;
  for (const std::string& text : GetParam().has_not)
    EXPECT_EQ(xml.find(text), std::string::npos) << text << "\n" << xml;
  EXPECT_EQ(dump(xml), xml);
}

INSTANTIATE_TEST_SUITE_P(Documents, Compatibility, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.title; });

/// Refused although libvirt's driver takes them: such a container could never start. All problems are named at once.
TEST(Validate, NamesEveryProblemOfAContainerThatCannotStart) {
  const auto error = error_of([] {
    define(
        document({.top = "<idmap><uid start='0' target='9' count='0'/><uid start='5' target='5' count='9'/>"
                         "<uid start='6' target='50' count='1'/><gid start='0' target='1' count='5'/>"
                         "<gid start='5' target='3' count='1'/></idmap>",
                  .devices = "<filesystem><source dir='/a'/><target dir='/'/></filesystem>"
                             "<filesystem><source dir='/b'/><target dir='//'/></filesystem>"
                             "<filesystem><source dir='/c'/><target dir='srv'/></filesystem>"
                             "<interface type='ethernet'><mac address='2:0:0:0:0:1'/><target dev='web0'/></interface>"
                             "<interface type='ethernet'><mac address='02:00:00:00:00:01'/><target dev='web0'/>"
                             "</interface>"}));
  });
  ASSERT_TRUE(error.has_value());
  for (const char* part :
       {"target 'srv'", "only one filesystem", "'02:00:00:00:00:01'", "'web0'", "root", "start 6", "target 3"})
    EXPECT_NE(error->message().find(part), std::string::npos) << part << ": " << error->message();
}

TEST(Validate, LeavesAloneWhatLibvirtStarts) {
  for (const char* devices :
       {"<filesystem><source dir='/a'/><target dir='/x'/></filesystem><filesystem><source dir='/b'/><target dir='/x'/>"
        "</filesystem>",
        "<interface type='ethernet'><target dev='vnet0'/></interface><interface type='ethernet'><target dev='vnet0'/>"
        "</interface>",
        "<controller type='usb' index='0'/><controller type='usb' index='0'/>"})
    EXPECT_FALSE(error_of([&] { define(document({.devices = devices})); }).has_value()) << devices;
}

}  // namespace
}  // namespace domain_xml
