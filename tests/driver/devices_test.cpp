// Devices that come, go and change, through libvirt's own client over a backend in memory: which definition changes,
// what is refused with which code, and that nothing has changed then.
#include <cstdlib>
#include <filesystem>

#include "driver/device_fixture.hpp"

namespace {

using namespace test;
using test::domain_xml;

TEST_F(DevicesTest, ConfigGainsAndLosesEveryKind) {
  const virDomainPtr domain = define(domain_xml("web"));
  const auto before = config(domain);
  const std::string devices[] = {nic(mac(1)), disk("sda"), filesystem("/data"), host_device("/dev/fuse")};
  for (const auto& device : devices) EXPECT_EQ(attach(domain, device, kConfig), VIR_ERR_OK) << message();
  const auto with = config(domain);
  EXPECT_EQ(with.interfaces.size(), 1u);
  EXPECT_EQ(with.disks.size(), 1u);
  EXPECT_EQ(with.filesystems.size(), 2u);
  EXPECT_EQ(with.host_devices.size(), 1u);
  restart();
  const virDomainPtr again = keep(virDomainLookupByName(conn_, "web"));
  EXPECT_EQ(config(again), with) << "it is on disk";
  for (const auto& device : devices) EXPECT_EQ(detach(again, device, kConfig), VIR_ERR_OK) << message();
  auto after = config(again);
  after.other_devices.clear();  // the controller that the disk was given stays, as stock leaves it
  EXPECT_EQ(after, before);
}

TEST_F(DevicesTest, FlagsSayWhichDefinitionChanges) {
  const virDomainPtr off = define(domain_xml("off"));
  EXPECT_EQ(code(virDomainAttachDevice(off, nic().c_str())), VIR_ERR_OPERATION_INVALID);
  EXPECT_EQ(code(virDomainDetachDevice(off, nic().c_str())), VIR_ERR_OPERATION_INVALID);
  EXPECT_EQ(attach(off, nic(), kLive), VIR_ERR_OPERATION_INVALID);
  EXPECT_EQ(attach(off, nic(), kBoth), VIR_ERR_OPERATION_INVALID);
  EXPECT_EQ(attach(off, nic(), 4), VIR_ERR_INVALID_ARG);
  EXPECT_EQ(update(off, nic(), VIR_DOMAIN_DEVICE_MODIFY_FORCE), VIR_ERR_INVALID_ARG);
  EXPECT_EQ(attach(off, nic(), 0), VIR_ERR_OK);
  EXPECT_EQ(config(off).interfaces.size(), 1u);

  const virDomainPtr on = running("on");
  EXPECT_EQ(attach(on, nic(mac(1)), 0), VIR_ERR_OK) << message();
  EXPECT_EQ(code(virDomainAttachDevice(on, nic(mac(2)).c_str())), VIR_ERR_OK) << message();
  EXPECT_EQ(live(on).interfaces.size(), 2u);
  EXPECT_EQ(config(on).interfaces.size(), 0u);
  EXPECT_EQ(attach(on, nic(mac(3)), kConfig), VIR_ERR_OK);
  EXPECT_EQ(live(on).interfaces.size(), 2u);
  EXPECT_EQ(config(on).interfaces.size(), 1u);

  const virDomainPtr transient = keep(virDomainCreateXML(conn_, domain_xml("gone").c_str(), 0));
  EXPECT_EQ(attach(transient, nic(), kConfig), VIR_ERR_OPERATION_INVALID);
  EXPECT_EQ(attach(transient, nic(), 0), VIR_ERR_OK);
}

TEST_F(DevicesTest, N4LiveAndConfigGetTheSameMadeUpAddress) {
  const virDomainPtr domain = running("web");
  ASSERT_EQ(attach(domain, nic(), kBoth), VIR_ERR_OK) << message();
  EXPECT_EQ(live(domain).interfaces.at(0).mac, config(domain).interfaces.at(0).mac);
}

TEST_F(DevicesTest, N6ADuplicateMacAddressIsRefused) {
  const virDomainPtr domain = running("web");
  ASSERT_EQ(attach(domain, nic(mac(1)), kBoth), VIR_ERR_OK);
  EXPECT_EQ(attach(domain, nic(mac(1)), kConfig), VIR_ERR_INVALID_ARG);
  EXPECT_NE(message().find("52:54:00:00:00:01"), std::string::npos) << message();
  EXPECT_EQ(attach(domain, nic(mac(1)), kLive), VIR_ERR_OPERATION_FAILED);
  EXPECT_EQ(live(domain).interfaces.size(), 1u);
  EXPECT_EQ(config(domain).interfaces.size(), 1u);
}

TEST_F(DevicesTest, WhatIsThereAlreadyIsRefused) {
  const virDomainPtr domain = define(domain_xml("web"));
  for (const auto& device : {disk("sda"), filesystem("/data"), host_device("/dev/fuse"),
                             nic(mac(1) + "<target dev='lan0'/><alias name='ua-lan'/>")})
    ASSERT_EQ(attach(domain, device, kConfig), VIR_ERR_OK) << message();
  const auto before = config(domain);
  for (const auto& device :
       {disk("sda", "/dev/vdb"), filesystem("/data", "/other"), filesystem("/"), host_device("/dev/fuse"),
        nic(mac(2) + "<target dev='lan0'/>"), nic(mac(3) + "<alias name='ua-lan'/>")}) {
    EXPECT_EQ(attach(domain, device, kConfig), VIR_ERR_INVALID_ARG) << device;
    EXPECT_EQ(virGetLastError()->domain, VIR_FROM_LXC);
  }
  EXPECT_EQ(config(domain), before);
}

// The whole table: what each kind of device answers in the running form, the next boot's and both.
TEST_F(DevicesTest, EveryKindAnswersEveryChangeInEveryForm) {
  constexpr int kOk = VIR_ERR_OK, kConfigOnly = VIR_ERR_CONFIG_UNSUPPORTED, kNotLive = VIR_ERR_OPERATION_UNSUPPORTED,
                kNone = VIR_ERR_DEVICE_MISSING;
  struct Row {
    std::string device;
    int attach[3], update[3], detach[3];  // live, config, both
  };
  const Row rows[] = {
      {nic(mac(1)), {kOk, kOk, kOk}, {kOk, kOk, kOk}, {kOk, kOk, kOk}},
      {disk("sda"), {kOk, kOk, kOk}, {kNotLive, kOk, kNotLive}, {kOk, kOk, kOk}},
      {filesystem("/data"), {kOk, kOk, kOk}, {kOk, kOk, kOk}, {kOk, kOk, kOk}},
      {host_device("/dev/fuse"), {kOk, kOk, kOk}, {kNotLive, kConfigOnly, kConfigOnly}, {kOk, kOk, kOk}},
      {"<console type='pty'><log file='/var/log/x'/></console>",
       {kConfigOnly, kOk, kConfigOnly},
       {kNotLive, kConfigOnly, kConfigOnly},
       {kConfigOnly, kOk, kNone}},
      {"<memory model='dimm'><target><size>1024</size><node>0</node></target></memory>",
       {kConfigOnly, kConfigOnly, kConfigOnly},
       {kNotLive, kConfigOnly, kConfigOnly},
       {kConfigOnly, kConfigOnly, kConfigOnly}},
  };
  const virDomainPtr domain = running("web");
  const unsigned forms[] = {kLive, kConfig, kBoth};
  const auto now = [&](unsigned form) {
    auto definition = form == kLive ? live(domain) : config(domain);
    definition.other_devices.clear();  // a disk's controller stays behind
    return definition;
  };
  for (const Row& row : rows) {
    for (int i = 0; i < 3; ++i) {
      SCOPED_TRACE(row.device + " with flags " + std::to_string(forms[i]));
      const auto live_before = now(kLive), config_before = now(kConfig);
      EXPECT_EQ(attach(domain, row.device, forms[i]), row.attach[i]) << message();
      EXPECT_EQ(now(kLive) != live_before, row.attach[i] == kOk && (forms[i] & kLive));
      EXPECT_EQ(now(kConfig) != config_before, row.attach[i] == kOk && (forms[i] & kConfig));
      EXPECT_EQ(update(domain, row.device, forms[i]), row.update[i]) << message();
      EXPECT_EQ(detach(domain, row.device, forms[i]), row.detach[i]) << message();
      EXPECT_TRUE(now(kLive) == live_before);
      EXPECT_TRUE(now(kConfig) == config_before);
    }
  }
}

// A running container's consoles are those it was started with.
TEST_F(DevicesTest, ConsolesComeAndGoForTheNextBoot) {
  const virDomainPtr domain = running("web");
  const std::string console = "<console type='pty'/>",
                    logged = "<console type='pty'><log file='/var/log/x'/></console>";
  const auto consoles = [&] { return config(domain).consoles.size(); };
  const std::size_t before = consoles();
  for (const unsigned flags : {kLive, kBoth}) {
    EXPECT_EQ(attach(domain, console, flags), VIR_ERR_CONFIG_UNSUPPORTED);
    EXPECT_NE(message().find("'console'"), std::string::npos) << message();
    EXPECT_NE(detach(domain, console, flags), VIR_ERR_OK);
    EXPECT_EQ(consoles(), before) << "nothing of it stays";
  }
  EXPECT_EQ(attach(domain, logged, kConfig), VIR_ERR_OK) << message();
  EXPECT_EQ(attach(domain, console, kConfig), VIR_ERR_OK) << message();
  EXPECT_EQ(attach(domain, console, kConfig), VIR_ERR_OK) << message();
  EXPECT_EQ(consoles(), before + 3);
  EXPECT_EQ(detach(domain, console, kConfig), VIR_ERR_OPERATION_FAILED) << "which of them?";
  EXPECT_EQ(detach(domain, "<console type='pty'><target port='9'/></console>", kConfig), VIR_ERR_DEVICE_MISSING);
  const std::string last = std::to_string(before + 2);
  EXPECT_EQ(detach(domain, "<console type='pty'><target type='lxc' port='" + last + "'/></console>", kConfig),
            VIR_ERR_OK)
      << message();
  EXPECT_EQ(detach(domain, logged, kConfig), VIR_ERR_OK) << message();
  EXPECT_EQ(consoles(), before + 1);
  EXPECT_EQ(update(domain, console, kConfig), VIR_ERR_CONFIG_UNSUPPORTED);
  EXPECT_EQ(update(domain, console, kLive), VIR_ERR_OPERATION_UNSUPPORTED);
}

TEST_F(DevicesTest, WhatNoContainerHasIsRefused) {
  const virDomainPtr domain = running("web");
  for (const unsigned flags : {kLive, kConfig}) {
    for (const char* device : {"<sound model='es1370'/>", "<memory model='dimm'/>", "<foo/>"}) {
      EXPECT_EQ(attach(domain, device, flags), VIR_ERR_CONFIG_UNSUPPORTED) << device;
      EXPECT_EQ(detach(domain, device, flags), VIR_ERR_CONFIG_UNSUPPORTED) << device;
    }
    EXPECT_EQ(attach(domain, "<interface", flags), VIR_ERR_XML_DETAIL);
    EXPECT_EQ(virGetLastError()->domain, VIR_FROM_DOMAIN);
    EXPECT_EQ(attach(domain, nic("<mac address='zz'/>"), flags), VIR_ERR_XML_ERROR);
  }
  EXPECT_EQ(update(domain, "<sound model='es1370'/>", kConfig), VIR_ERR_CONFIG_UNSUPPORTED);
  EXPECT_EQ(update(domain, host_device("/dev/fuse"), kConfig), VIR_ERR_CONFIG_UNSUPPORTED);
  EXPECT_EQ(update(domain, disk("sda"), kLive), VIR_ERR_OPERATION_UNSUPPORTED);
  EXPECT_EQ(config(domain).filesystems.size(), 1u) << "a live failure leaves the next boot's definition alone";
}

TEST_F(DevicesTest, N8DisksAndHostDevicesComeAndGoWithAnAlias) {
  const virDomainPtr domain = running("web");
  const auto& guest = daemon_.guest(domain);
  ASSERT_EQ(attach(domain, disk("sda"), kBoth), VIR_ERR_OK) << message();
  ASSERT_EQ(attach(domain, host_device("/dev/fuse"), kLive), VIR_ERR_OK) << message();
  EXPECT_EQ(guest.given.size(), 2u);
  EXPECT_EQ(live(domain).disks.at(0).alias, "disk0");
  EXPECT_EQ(live(domain).host_devices.at(0).alias, "hostdev0");
  EXPECT_EQ(config(domain).disks.at(0).alias, "");
  restart();
  const virDomainPtr same = keep(virDomainLookupByName(conn_, "web"));
  EXPECT_EQ(live(same).disks.at(0).alias, "disk0") << "a later daemon knows it";
  EXPECT_EQ(virDomainDetachDeviceAlias(same, "disk0", kLive), 0) << message();
  EXPECT_EQ(detach(same, host_device("/dev/fuse"), kLive), VIR_ERR_OK) << message();
  EXPECT_TRUE(daemon_.guest(same).given.empty());
  EXPECT_EQ(config(same).disks.size(), 1u);
}

TEST_F(DevicesTest, MatchingByWhatIsGiven) {
  const virDomainPtr domain = running("web");
  EXPECT_EQ(detach(domain, nic(), kLive), VIR_ERR_DEVICE_MISSING);
  EXPECT_EQ(virGetLastError()->domain, VIR_FROM_DOMAIN);
  for (int i = 1; i <= 3; ++i) ASSERT_EQ(attach(domain, nic(mac(i)), kBoth), VIR_ERR_OK) << message();
  for (const unsigned flags : {kLive, kConfig}) {
    EXPECT_EQ(detach(domain, nic(mac(9)), flags), VIR_ERR_DEVICE_MISSING);
    EXPECT_EQ(detach(domain, nic(), flags), VIR_ERR_OPERATION_FAILED) << "ambiguous";
    EXPECT_EQ(virGetLastError()->domain, VIR_FROM_DOMAIN);
    EXPECT_EQ(detach(domain, nic(mac(1) + "<address type='pci' bus='1'/>"), flags), VIR_ERR_DEVICE_MISSING);
  }
  EXPECT_EQ(detach(domain, nic("<alias name='net1'/>"), kLive), VIR_ERR_OK) << message();
  EXPECT_EQ(detach(domain, nic(mac(3) + "<alias name='net2'/>"), kBoth), VIR_ERR_OK) << message();
  EXPECT_EQ(detach(domain, nic(), kLive), VIR_ERR_OK) << "the only one: " << message();
  EXPECT_EQ(live(domain).interfaces.size(), 0u);
  EXPECT_EQ(config(domain).interfaces.size(), 2u);
  EXPECT_EQ(detach(domain, disk("sda"), kConfig), VIR_ERR_INVALID_ARG);
  EXPECT_EQ(detach(domain, disk("sda"), kLive), VIR_ERR_OPERATION_FAILED);
  EXPECT_EQ(detach(domain, host_device("/dev/fuse"), kConfig), VIR_ERR_INVALID_ARG);
  EXPECT_EQ(detach(domain, host_device("/dev/fuse"), kLive), VIR_ERR_OPERATION_FAILED);
}

TEST_F(DevicesTest, N8AliasesNameInterfacesWhileTheyRun) {
  const virDomainPtr domain = running("web");
  for (const auto& more : {mac(1), mac(2) + "<alias name='ua-lan'/>", mac(3)})
    ASSERT_EQ(attach(domain, nic(more), kLive), VIR_ERR_OK) << message();
  const std::string shown = text(domain, 0);
  for (const char* alias : {"net0", "ua-lan", "net1"})
    EXPECT_NE(shown.find(std::string("<alias name='") + alias + "'/>"), std::string::npos) << shown;
  EXPECT_EQ(code(virDomainDetachDeviceAlias(domain, "net0", kLive)), VIR_ERR_OK) << message();
  EXPECT_EQ(code(virDomainDetachDeviceAlias(domain, "ua-lan", kLive)), VIR_ERR_OK) << message();
  EXPECT_EQ(code(virDomainDetachDeviceAlias(domain, "net0", kLive)), VIR_ERR_DEVICE_MISSING);
  ASSERT_EQ(live(domain).interfaces.size(), 1u);
  EXPECT_EQ(attach(domain, nic(mac(4)), kLive), VIR_ERR_OK);
  EXPECT_EQ(live(domain).interfaces.at(1).alias, "net2") << "an alias is not given again beside a higher one";
}

TEST_F(DevicesTest, AliasesAreGivenAtStartAndKeptOverARestart) {
  const virDomainPtr domain = define(domain_xml("web"));
  for (int i = 1; i <= 2; ++i) ASSERT_EQ(attach(domain, nic(mac(i)), kConfig), VIR_ERR_OK);
  ASSERT_EQ(virDomainCreate(domain), 0);
  ASSERT_EQ(attach(domain, nic(mac(3)), kLive), VIR_ERR_OK);
  const auto before = live(domain);
  EXPECT_EQ(before.interfaces.at(2).alias, "net2");
  EXPECT_EQ(config(domain).interfaces.at(0).alias, "");
  restart();
  EXPECT_EQ(live(keep(virDomainLookupByName(conn_, "web"))), before);
}

TEST_F(DevicesTest, ALiveFailureChangesNothing) {
  const virDomainPtr domain = running("web");
  ASSERT_EQ(attach(domain, nic(mac(1)), kBoth), VIR_ERR_OK);
  const auto was_live = live(domain), was_config = config(domain);
  daemon_.guest(domain).refuse_links = true;
  EXPECT_EQ(attach(domain, nic(mac(2)), kBoth), VIR_ERR_SYSTEM_ERROR);
  EXPECT_EQ(detach(domain, nic(mac(1)), kBoth), VIR_ERR_SYSTEM_ERROR);
  EXPECT_EQ(update(domain, nic(mac(1) + "<link state='down'/>"), kBoth), VIR_ERR_SYSTEM_ERROR);
  EXPECT_EQ(live(domain), was_live);
  EXPECT_EQ(config(domain), was_config);
  restart();
  const virDomainPtr again = keep(virDomainLookupByName(conn_, "web"));
  EXPECT_EQ(live(again), was_live);
  EXPECT_EQ(config(again), was_config);
}

TEST_F(DevicesTest, StateThatCannotBeSavedTakesTheChangeBack) {
  const virDomainPtr domain = running("web");
  ASSERT_EQ(attach(domain, nic(mac(1)), kBoth), VIR_ERR_OK);
  const auto was_live = live(domain), was_config = config(domain);
  const std::string in_the_way = daemon_.paths().run + "/web.status.new";
  std::filesystem::create_directory(in_the_way);
  EXPECT_EQ(attach(domain, nic(mac(2)), kBoth), VIR_ERR_SYSTEM_ERROR);
  EXPECT_EQ(daemon_.guest(domain).interfaces.size(), 1u);
  EXPECT_EQ(update(domain, nic(mac(1) + "<link state='down'/>"), kBoth), VIR_ERR_SYSTEM_ERROR);
  EXPECT_NE(daemon_.guest(domain).interfaces.at(0).link_up, false);
  EXPECT_EQ(detach(domain, nic(mac(1)), kBoth), VIR_ERR_SYSTEM_ERROR);
  EXPECT_EQ(daemon_.guest(domain).interfaces.size(), 1u);
  EXPECT_EQ(live(domain), was_live);
  EXPECT_EQ(config(domain), was_config);
}

TEST_F(DevicesTest, N5ARunningInterfaceChanges) {
  const virDomainPtr domain = running("web");
  ASSERT_EQ(attach(domain, nic(mac(1) + "<guest dev='web0'/><ip address='10.0.0.2' prefix='24'/>"), kBoth), VIR_ERR_OK);
  const std::string ip = "<ip address='10.0.0.2' prefix='24'/>";
  ASSERT_EQ(
      update(domain,
             nic(ip + "<link state='down'/><mtu size='1400'/><bandwidth><inbound average='100'/></bandwidth>", "br1"),
             kBoth),
      VIR_ERR_OK)
      << message();
  const auto& inside = daemon_.guest(domain).interfaces.at(0);
  EXPECT_EQ(inside.link_up, false);
  EXPECT_EQ(inside.mtu, 1400u);
  EXPECT_EQ(std::get<::domain_xml::InterfaceBridge>(inside.source).bridge, "br1");
  EXPECT_EQ(inside.bandwidth->inbound->average, 100u);
  EXPECT_EQ(inside.guest_dev, "web0") << "what is not given stays";
  EXPECT_EQ(live(domain).interfaces.at(0).mtu, 1400u);
  EXPECT_EQ(config(domain).interfaces.at(0).link_up, false);
  EXPECT_EQ(config(domain).interfaces.at(0).mac, inside.mac);
  // What virsh sends back: the running form with one thing changed.
  std::string shown = text(domain, 0);
  shown = shown.substr(shown.find("<interface"), shown.find("</interface>") + 12 - shown.find("<interface"));
  shown.replace(shown.find("state='down'"), 12, "state='up'");
  EXPECT_EQ(update(domain, shown, kLive), VIR_ERR_OK) << message();
  EXPECT_EQ(live(domain).interfaces.at(0).link_up, true);
}

TEST_F(DevicesTest, N5WhatCannotChangeLiveIsNamed) {
  const virDomainPtr domain = running("web");
  ASSERT_EQ(attach(domain, nic(mac(1)), kBoth), VIR_ERR_OK);
  const auto was = live(domain);
  const std::pair<std::string, const char*> changes[] = {
      {"<interface type='ethernet'/>", "source"},
      {"<interface type='direct'><source dev='eth0'/></interface>", "source"},
      {nic("<target dev='lan7'/>"), "target"},
      {nic("<guest dev='web0'/>"), "guest"},
      {nic("<script path='/bin/true'/>"), "script"}};
  for (const auto& change : changes) {
    EXPECT_EQ(update(domain, change.first, kLive), VIR_ERR_OPERATION_UNSUPPORTED) << change.first;
    EXPECT_NE(message().find(change.second), std::string::npos) << message();
  }
  EXPECT_EQ(live(domain), was);
  EXPECT_EQ(update(domain, nic(mac(9)), kLive), VIR_ERR_DEVICE_MISSING);
  for (const auto& change : changes) EXPECT_EQ(update(domain, change.first, kConfig), VIR_ERR_OK) << message();
}

TEST_F(DevicesTest, N5AddressesRoutesAndVlansChangeLive) {
  const virDomainPtr domain = running("web");
  ASSERT_EQ(attach(domain, nic(mac(1)), kBoth), VIR_ERR_OK);
  const std::string more =
      "<ip address='10.0.0.9' prefix='24'/><route address='10.1.0.0' prefix='16' gateway='10.0.0.1'/>"
      "<vlan><tag id='5'/></vlan>";
  ASSERT_EQ(update(domain, nic(more), kLive), VIR_ERR_OK) << message();
  const auto& inside = daemon_.guest(domain).interfaces.at(0);
  EXPECT_EQ(inside.ips.size(), 1u);
  EXPECT_EQ(inside.routes.size(), 1u);
  EXPECT_TRUE(inside.vlan);
  // A filter needs its daemon; without one nothing has changed.
  EXPECT_EQ(update(domain, nic(more + "<filterref filter='clean-traffic'/>"), kLive), VIR_ERR_SYSTEM_ERROR);
  EXPECT_FALSE(live(domain).interfaces.at(0).filter);
  EXPECT_NE(daemon_.guest(domain).interfaces.at(0).link_up, false);
}

TEST_F(DevicesTest, AnAddressThatARunningDomainHasIsRefused) {
  const virDomainPtr one = running("one"), two = running("two");
  const std::string address = "<ip address='10.0.0.2' prefix='24'/>";
  ASSERT_EQ(attach(one, nic(mac(1) + address), kLive), VIR_ERR_OK);
  EXPECT_EQ(attach(two, nic(mac(2) + address), kLive), VIR_ERR_OPERATION_FAILED);
  EXPECT_NE(message().find("'10.0.0.2' is that of domain 'one'"), std::string::npos) << message();
  EXPECT_TRUE(daemon_.guest(two).interfaces.empty());
  EXPECT_EQ(attach(two, nic(mac(2) + address, "br1"), kLive), VIR_ERR_OK) << "another bridge: " << message();
  EXPECT_EQ(update(two, nic(mac(2) + address), kLive), VIR_ERR_OPERATION_FAILED) << "it would come to the first's";
  EXPECT_EQ(attach(two, nic(mac(3) + address + "<vlan><tag id='5'/></vlan>"), kLive), VIR_ERR_OK) << message();
}

TEST_F(DevicesTest, FilesystemsComeChangeAndGoWhileItRuns) {
  const virDomainPtr domain = running("web");
  ASSERT_EQ(attach(domain, filesystem("/data"), kBoth), VIR_ERR_OK) << message();
  EXPECT_EQ(live(domain).filesystems.at(1).alias, "fs1") << "fs0 is the root";
  EXPECT_EQ(config(domain).filesystems.at(1).alias, "");
  EXPECT_EQ(daemon_.guest(domain).filesystems.size(), 2u);
  EXPECT_EQ(attach(domain, filesystem("/data", "/other"), kLive), VIR_ERR_OPERATION_FAILED) << "the place is taken";
  ASSERT_EQ(update(domain, filesystem("/data", "/other"), kBoth), VIR_ERR_OK) << message();
  EXPECT_EQ(daemon_.guest(domain).filesystems.at(1).source, "/other");
  EXPECT_EQ(live(domain).filesystems.at(1).alias, "fs1");
  EXPECT_EQ(config(domain).filesystems.at(1).source, "/other");
  const auto was = live(domain);
  restart();
  const virDomainPtr again = keep(virDomainLookupByName(conn_, "web"));
  EXPECT_EQ(live(again), was);
  ASSERT_EQ(code(virDomainDetachDeviceAlias(again, "fs1", kLive)), VIR_ERR_OK) << message();
  EXPECT_EQ(daemon_.guest(again).filesystems.size(), 1u);
  EXPECT_EQ(detach(again, filesystem("/data"), kLive), VIR_ERR_OPERATION_FAILED);
  EXPECT_EQ(detach(again, filesystem("/data"), kConfig), VIR_ERR_OK);
  EXPECT_EQ(config(again).filesystems.size(), 1u);
}

TEST_F(DevicesTest, AFilesystemThatCannotChangeLeavesBothDefinitionsAsTheyWere) {
  const virDomainPtr domain = running("web");
  ASSERT_EQ(attach(domain, filesystem("/data"), kBoth), VIR_ERR_OK);
  const auto was_live = live(domain), was_config = config(domain);
  daemon_.guest(domain).refuse_links = true;
  EXPECT_EQ(attach(domain, filesystem("/more"), kBoth), VIR_ERR_SYSTEM_ERROR);
  EXPECT_EQ(update(domain, filesystem("/data", "/other"), kBoth), VIR_ERR_SYSTEM_ERROR);
  EXPECT_EQ(detach(domain, filesystem("/data"), kBoth), VIR_ERR_SYSTEM_ERROR);
  EXPECT_EQ(live(domain), was_live);
  EXPECT_EQ(config(domain), was_config);
  restart();
  const virDomainPtr again = keep(virDomainLookupByName(conn_, "web"));
  EXPECT_EQ(live(again), was_live) << "nor does a file tell otherwise";
}

TEST_F(DevicesTest, ConfigOfDisksAndFilesystemsCanBeUpdated) {
  const virDomainPtr domain = define(domain_xml("web"));
  ASSERT_EQ(attach(domain, disk("sda"), kConfig), VIR_ERR_OK);
  ASSERT_EQ(update(domain, disk("sda", "/dev/vdb"), kConfig), VIR_ERR_OK) << message();
  ASSERT_EQ(update(domain, filesystem("/", "/srv/new"), kConfig), VIR_ERR_OK) << message();
  EXPECT_EQ(config(domain).disks.at(0).source, "/dev/vdb");
  EXPECT_EQ(config(domain).filesystems.at(0).source, "/srv/new");
  EXPECT_EQ(update(domain, disk("sdz"), kConfig), VIR_ERR_INVALID_ARG);
}

}  // namespace
