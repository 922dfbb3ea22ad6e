// What the live, the inactive and the status form show of one running domain.
#include <gtest/gtest.h>

#include "documents.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"

namespace domain_xml {
namespace {

/// As the driver fills it in at start.
DomainDefinition running() {
  DomainDefinition d = define(document({.devices = R"(
    <interface type='network'><mac address='52:54:00:00:00:01'/><source network='default' portgroup='p'/></interface>
    <interface type='network'><mac address='52:54:00:00:00:02'/><source network='direct'/></interface>
    <interface type='bridge'><mac address='52:54:00:00:00:03'/><source bridge='br0'/>
      <target dev='web0'/><guest dev='lan'/>
    </interface>
    <interface type='network'><mac address='52:54:00:00:00:04'/><source network='x'/></interface>
    <console/><console/>)"}));
  d.interfaces[0].source = InterfaceBridge{"virbr0", "default", "p", "11111111-2222-3333-4444-555555555555"};
  d.interfaces[0].target_dev = "vnet0";
  d.interfaces[0].guest_dev_actual = "eth0";
  d.interfaces[1].source = InterfaceDirect{"eth9", "bridge", "direct", "", "21111111-2222-3333-4444-555555555555"};
  d.interfaces[2].guest_dev_actual = "lan";
  std::get<InterfaceNetwork>(d.interfaces[3].source).port_id = "31111111-2222-3333-4444-555555555555";
  d.consoles[0].path = "/dev/pts/5";
  d.consoles[0].alias = "console0";
  d.consoles[1].path = "/dev/pts/6";
  d.consoles[1].alias = "console1";
  d.partition = "/machine";
  return d;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Views, LiveShowsWhatTheDomainReallyUses) {
  const std::string xml = format_domain(running(), View::Live, 4242);
  for (const char* part :
       {"<domain type='lxc' id='4242'>",
        "<interface type='bridge'>\n      <mac address='52:54:00:00:00:01'/>\n      <source network='default' "
        "portgroup='p' "
        "portid='11111111-2222-3333-4444-555555555555' bridge='virbr0'/>",
        "<interface type='direct'>\n      <mac address='52:54:00:00:00:02'/>\n      <source network='direct' "
        "portid='21111111-2222-3333-4444-555555555555' dev='eth9' mode='bridge'/>",
        "<target dev='vnet0'/>", "<guest dev='eth0' actual='eth0'/>", "<guest dev='lan'/>",
        "<console type='pty' tty='/dev/pts/5'>\n      <source path='/dev/pts/5'/>\n      <target type='lxc' "
        "port='0'/>\n"
        "      <alias name='console0'/>",
        "<console type='pty'>\n      <source path='/dev/pts/6'/>\n      <target type='lxc' port='1'/>\n"
        "      <alias name='console1'/>"})
    EXPECT_TRUE(has(xml, part)) << part << "\nin\n" << xml;
}

TEST(Views, InactiveShowsTheConfiguration) {
  const std::string xml = format_domain(running(), View::Inactive, 4242);
  for (const char* part : {"id='4242'", "vnet0", "actual", "portid", "virbr0", "eth9", "/dev/pts", "<alias"})
    EXPECT_FALSE(has(xml, part)) << part << "\nin\n" << xml;
  for (const char* part : {"<source network='default' portgroup='p'/>", "<source network='direct'/>",
                           "<target dev='web0'/>", "<guest dev='lan'/>"})
    EXPECT_TRUE(has(xml, part)) << part << "\nin\n" << xml;
}

TEST(Views, StatusKeepsEverything) {
  const DomainDefinition domain = running();
  EXPECT_TRUE(parse_status_domain(format_domain(domain, View::Status, 4242)) == domain);
}

TEST(Views, LiveDumpFedBackIsTheConfiguration) {
  const DomainDefinition domain = running();
  EXPECT_EQ(dump(format_domain(domain, View::Live, 7)), format_domain(domain, View::Inactive));
}

TEST(Views, InactiveOfInactiveIsTheSame) {
  const std::string xml = format_domain(running(), View::Inactive);
  EXPECT_EQ(dump(xml), xml);
}

TEST(Views, GeneratedNamesAreNotClaimedAgain) {
  for (const char* name : {"vnet9", "macvtap0", "macvlan3"})
    EXPECT_FALSE(has(
        dump(document({.devices = std::string("<interface type='ethernet'><target dev='") + name + "'/></interface>"})),
        "<target"))
        << name;
  for (const char* name : {"veth9", "web0"})
    EXPECT_TRUE(has(
        dump(document({.devices = std::string("<interface type='ethernet'><target dev='") + name + "'/></interface>"})),
        name))
        << name;
}

TEST(Views, ConsolePortsAreOrdinals) {
  const std::string xml =
      dump(document({.devices = "<console><target port='7'/></console><console><target port='7'/></console>"}));
  EXPECT_TRUE(has(xml, "port='0'") && has(xml, "port='1'") && !has(xml, "port='7'")) << xml;
}

}  // namespace
}  // namespace domain_xml
