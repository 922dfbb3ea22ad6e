// Ports of libvirt's own networks come and go with interfaces, and so do its filters' bindings.
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <string>
#include <thread>

#include "support/libvirt_network.hpp"
#include "support/pci_stand_in.hpp"

namespace {

using namespace support;

TEST_F(LibvirtNetworkTest, ALiveInterfaceShowsItsPortAndABootOnlyItsNetwork) {
  const Domain domain = create(networked("port", root_, network_interface()));
  virNetworkPortPtr* list = nullptr;
  ASSERT_EQ(virNetworkListAllPorts(network_, &list, 0), 1) << last_failure().message;
  char id[VIR_UUID_STRING_BUFLEN] = {};
  virNetworkPortGetUUIDString(list[0], id);
  const std::string port = take(virNetworkPortGetXMLDesc(list[0], 0));
  virNetworkPortFree(list[0]);
  free(list);
  EXPECT_EQ(xpath(port, "string(/networkport/owner/uuid)"), uuid_of(domain));
  EXPECT_EQ(xpath(port, "string(/networkport/owner/name)"), own_name("port"));
  EXPECT_EQ(xpath(port, "string(/networkport/mac/@address)"), kMac);
  const std::string live = dump(domain), boot = dump(domain, VIR_DOMAIN_XML_INACTIVE);
  EXPECT_EQ(xpath(live, "string(//interface/@type)"), "network");
  EXPECT_EQ(xpath(live, "string(//interface/source/@network)"), "default");
  EXPECT_EQ(xpath(live, "string(//interface/source/@portid)"), id);
  EXPECT_EQ(xpath(live, "string(//interface/source/@bridge)"), prefix() + "n");
  EXPECT_EQ(xpath(boot, "string(//interface/@type)"), "network");
  EXPECT_EQ(xpath(boot, "string(//interface/source/@network)"), "default");
  EXPECT_EQ(xpath(boot, "count(//interface/source/@*)"), "1");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(ports(), 0);
}

TEST_F(LibvirtNetworkTest, WhatANetworkAddsIsOfThisRunOnly) {
  ASSERT_EQ(libvirtd_->inside({"ip", "link", "add", prefix() + "s", "type", "bridge"}).status, 0);
  const Network second = make_network("<network><name>second</name><forward mode='bridge'/><bridge name='" + prefix() +
                                      "s'/><port isolated='yes'/></network>");
  ASSERT_EQ(libvirtd_->inside({"ip", "link", "set", prefix() + "s", "mtu", "1400"}).status, 0);
  const Domain domain = create(networked("adds", root_, network_interface(kMac, "", "second")));
  EXPECT_EQ(xpath(dump(domain), "string(//interface/@type)"), "bridge");
  EXPECT_EQ(xpath(dump(domain), "string(//interface/port/@isolated)"), "yes");
  EXPECT_EQ(xpath(dump(domain), "string(//interface/mtu/@size)"), "1400");
  EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "count(//interface/port | //interface/mtu)"), "0");
  // Also for a daemon that knows it from the disk only.
  daemon_->kill();
  daemon_->start();
  connection_ = connect();
  const Domain again(virDomainLookupByName(connection_, own_name("adds").c_str()));
  EXPECT_EQ(xpath(dump(again), "string(//interface/port/@isolated)"), "yes");
  EXPECT_EQ(xpath(dump(again), "string(//interface/source/@bridge)"), prefix() + "s");
  EXPECT_EQ(xpath(dump(again, VIR_DOMAIN_XML_INACTIVE), "count(//interface/port | //interface/mtu)"), "0");
  ASSERT_TRUE(ok(virDomainDestroy(again)));
  EXPECT_EQ(ports("second"), 0);
  libvirtd_->inside({"ip", "link", "del", prefix() + "s"});
}

TEST_F(LibvirtNetworkTest, ANetworkThatIsNotThereOrNotActiveIsNamed) {
  const Failure unknown = refused(networked("bad", root_, network_interface(kMac, "", "nowhere")));
  EXPECT_EQ(unknown.code, VIR_ERR_NO_NETWORK);
  EXPECT_NE(unknown.message.find("'nowhere'"), std::string::npos) << unknown.message;
  ASSERT_TRUE(ok(virNetworkDestroy(network_)));
  const Failure inactive = refused(networked("bad", root_, network_interface()));
  EXPECT_EQ(inactive.code, VIR_ERR_OPERATION_INVALID);
  EXPECT_NE(inactive.message.find("'default' is not active"), std::string::npos) << inactive.message;
}

TEST_F(LibvirtNetworkTest, AFailedStartLeavesNoPort) {
  DomainXml xml = networked("fails", root_, network_interface());
  xml.init = "/no/such/init";
  refused(xml);
  EXPECT_EQ(ports(), 0);
  refused(networked("half", root_, network_interface() + network_interface(kOtherMac, "", "nowhere")));
  EXPECT_EQ(ports(), 0);
}

TEST_F(LibvirtNetworkTest, ACrashedContainersPortGoesWithIt) {
  const Domain domain = create(networked("crash", root_, network_interface()));
  ASSERT_EQ(ports(), 1);
  ::kill(init_pid(domain), SIGKILL);
  EXPECT_TRUE(eventually([&] { return ports() == 0; }));
}

TEST_F(LibvirtNetworkTest, TheNextDaemonKeepsThePortsOfTheLivingAndDeletesThoseOfTheDead) {
  Rootfs other;
  const Domain lives = create(networked("lives", root_, network_interface()));
  const Domain dies = create(networked("dies", other, network_interface(kOtherMac)));
  ASSERT_EQ(ports(), 2);
  const pid_t doomed = init_pid(dies);
  daemon_->kill();
  ::kill(doomed, SIGKILL);
  daemon_->start();
  connection_ = connect();
  EXPECT_TRUE(eventually([&] { return ports() == 1; })) << ports();
  const Domain again(virDomainLookupByName(connection_, own_name("lives").c_str()));
  ASSERT_TRUE(again) << last_failure().message;
  ASSERT_TRUE(ok(virDomainDestroy(again)));
  EXPECT_EQ(ports(), 0);
}

TEST_F(LibvirtNetworkTest, ADaemonKilledInTheMiddleOfAStartLeavesNoPort) {
  for (int round = 0; round < 5; ++round) {
    std::thread start([&] {
      const Connection own = connect();
      Domain(virDomainCreateXML(own, std::string(networked("mid", root_, network_interface())).c_str(), 0));
    });
    // From the moment its port is there.
    const Connection watcher(virConnectOpen(libvirtd_->uri("network").c_str()));
    const Network network(virNetworkLookupByName(watcher, "default"));
    EXPECT_TRUE(eventually([&] { return virNetworkListAllPorts(network, nullptr, 0) > 0; }));
    daemon_->kill();
    start.join();
    daemon_->start();
    connection_ = connect();
    remove_own_domains(connection_);  // if the start was over
    EXPECT_TRUE(eventually([&] { return ports() == 0; }));
  }
}

TEST_F(LibvirtNetworkTest, WithoutTheNetworkDaemonAStartFailsAndAStopIsMadeUpForLater) {
  const Domain domain = create(networked("stays", root_, network_interface()));
  libvirtd_->kill();
  Rootfs other;
  EXPECT_EQ(refused(networked("fails", other, network_interface(kOtherMac))).code, VIR_ERR_SYSTEM_ERROR);
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  libvirtd_->start();
  EXPECT_EQ(ports(), 1);
  const Domain next = create(networked("next", other, network_interface(kOtherMac)));
  EXPECT_EQ(ports(), 1);
  ASSERT_TRUE(ok(virDomainDestroy(next)));
  EXPECT_EQ(ports(), 0);
}

TEST_F(LibvirtNetworkTest, ANetworkDaemonThatGoesAwayMidCallFailsThatStartAlone) {
  Rootfs other;
  const Domain stays = create(networked("stays", root_, network_interface()));
  ASSERT_EQ(::kill(libvirtd_->pid(), SIGSTOP), 0);
  auto start = std::async(std::launch::async, [&] {
    const Connection own = connect();
    const Domain none(
        virDomainCreateXML(own, networked("fails", other, network_interface(kOtherMac)).text().c_str(), 0));
    return none ? Failure{} : last_failure();
  });
  // Its job shows that it has begun, and it cannot end while nobody answers.
  EXPECT_FALSE(start.wait_for(scaled(Milliseconds(300))) == std::future_status::ready);
  EXPECT_EQ(virDomainIsActive(stays), 1) << "others are answered";
  libvirtd_->kill();
  EXPECT_EQ(start.get().code, VIR_ERR_SYSTEM_ERROR);
  libvirtd_->start();
  EXPECT_EQ(ports(), 1);
  const Domain next = create(networked("next", other, network_interface(kOtherMac)));
  EXPECT_EQ(ports(), 2);
  ASSERT_TRUE(ok(virDomainDestroy(next)));
  ASSERT_TRUE(ok(virDomainDestroy(stays)));
  EXPECT_EQ(ports(), 0);
}

TEST_F(LibvirtNetworkTest, AnAttachedInterfaceHasAPortUntilItIsDetached) {
  const Domain domain = create(networked("plug", root_, network_interface()));
  const std::string xml = network_interface(kOtherMac);
  ASSERT_TRUE(ok(virDomainAttachDevice(domain, xml.c_str())));
  EXPECT_EQ(ports(), 2);
  EXPECT_EQ(xpath(dump(domain), "count(//interface/source[@bridge and @portid])"), "2");
  ASSERT_TRUE(ok(virDomainDetachDevice(domain, xml.c_str())));
  EXPECT_EQ(ports(), 1);
  EXPECT_NE(virDomainAttachDevice(domain, network_interface(kOtherMac, "", "nowhere").c_str()), 0);
  EXPECT_EQ(last_failure().code, VIR_ERR_NO_NETWORK);
  EXPECT_EQ(ports(), 1);
}

TEST_F(LibvirtNetworkTest, WhatATransientDomainHadIsReleasedByALaterDaemon) {
  {
    const Domain domain = create(networked("passing", root_, network_interface()));
    libvirtd_->kill();
    ASSERT_TRUE(ok(virDomainDestroy(domain)));  // which ends every trace of it but the port
  }
  daemon_->kill();
  daemon_->start();
  libvirtd_->start();
  connection_ = connect();
  EXPECT_EQ(ports(), 1);
  Rootfs other;
  const Domain next = create(networked("next", other, network_interface(kOtherMac)));
  EXPECT_EQ(ports(), 1) << "its own";
  ASSERT_TRUE(ok(virDomainDestroy(next)));
}

/// A pool hands out devices of the host, one to each container if they are to have it alone.
TEST_F(LibvirtNetworkTest, APoolOfDevicesForMacvlansIsHandedOut) {
  const auto ip = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "ip");
    return libvirtd_->inside(words).status == 0;
  };
  for (const std::string n : {"a", "b"})
    ASSERT_TRUE(ip({"link", "add", prefix() + n, "up", "type", "veth", "peer", "name", prefix() + n + "f"}));
  ASSERT_TRUE(ip({"addr", "add", "10.218.7.1/24", "dev", prefix() + "af"}));
  ASSERT_TRUE(ip({"link", "set", prefix() + "af", "up"}));
  make_network("<network><name>pool</name><forward mode='passthrough'><interface dev='" + prefix() +
               "a'/><interface dev='" + prefix() + "b'/></forward></network>");
  Rootfs second_root, third_root;
  const std::string mac3 = "52:54:00:5a:00:03";
  const Domain first =
      create(networked("first", root_, network_interface(kMac, "<ip address='10.218.7.2' prefix='24'/>", "pool")));
  const Domain second = create(networked("second", second_root, network_interface(kOtherMac, "", "pool")));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_EQ(ports("pool"), 2);
  const std::string live = dump(first);
  EXPECT_EQ(xpath(live, "string(//interface/@type)"), "direct");
  EXPECT_EQ(xpath(live, "string(//interface/source/@mode)"), "passthrough");
  EXPECT_NE(xpath(live, "string(//interface/source/@dev)"), xpath(dump(second), "string(//interface/source/@dev)"));
  EXPECT_EQ(xpath(dump(first, VIR_DOMAIN_XML_INACTIVE), "string(//interface/@type)"), "network");
  if (xpath(live, "string(//interface/source/@dev)") == prefix() + "a") {
    EXPECT_EQ(enter_shell(first, "ping -c 1 -w 10 10.218.7.1").status, 0);
  }
  const Failure empty = refused(networked("third", third_root, network_interface(mac3, "", "pool")));
  EXPECT_NE(empty.message.find("pool"), std::string::npos) << empty.message;
  EXPECT_EQ(ports("pool"), 2);
  for (const auto* domain : {&first, &second}) ASSERT_TRUE(ok(virDomainDestroy(*domain)));
  EXPECT_EQ(ports("pool"), 0);
  for (const std::string n : {"a", "b"}) ip({"link", "del", prefix() + n});
}

/// A veth end plays the card, for libvirt's network driver and for us; see PciStandIn.
TEST_F(LibvirtNetworkTest, APoolOfPciDevicesIsHandedOut) {
  const std::string card = prefix() + "p", far_end = prefix() + "pf";
  const PciStandIn pci(card);
  if (!pci.there()) GTEST_SKIP() << "there is no PCI bus to put a stand-in on";
  const auto in_libvirtd = [&](std::vector<std::string> words) {
    const std::string mounts = "--mount=/proc/" + std::to_string(libvirtd_->pid()) + "/ns/mnt";
    words.insert(words.begin(), {"nsenter", mounts});
    return run(words).status;
  };
  ASSERT_EQ(libvirtd_->inside({"ip", "link", "add", card, "type", "veth", "peer", "name", far_end}).status, 0);
  ASSERT_EQ(in_libvirtd({"mount", "--bind", pci.folder(), "/sys/bus/pci/devices"}), 0);
  make_network(std::string("<network><name>pool</name><forward mode='hostdev' managed='yes'><address type='pci' ") +
               PciStandIn::kAddressAttributes + "/></forward></network>");
  const DomainXml definition = networked("card", root_, network_interface(kMac, "", "pool"));
  // Our own daemon sees no such device.
  const Failure failure = refused(definition);
  EXPECT_NE(failure.message.find("cannot find PCI device '0000:7f:1f.3'"), std::string::npos) << failure.message;
  EXPECT_EQ(ports("pool"), 0);
  {
    const std::string root = make_folder("pci-daemon");
    write_text(root + "/lxcell.conf", "sibling_socket_dir = \"" + libvirtd_->sockets() + "\"\n");
    std::vector<std::string> entrance = libvirtd_->entrance();
    for (const auto& word : pci.entrance()) entrance.push_back(word);
    Daemon daemon(root, {"--config", root + "/lxcell.conf"}, entrance);
    daemon.start();
    const Connection connection(virConnectOpen(daemon.uri().c_str()));
    const Domain domain(virDomainCreateXML(connection, std::string(definition).c_str(), 0));
    ASSERT_TRUE(domain) << last_failure().message;
    ASSERT_TRUE(root_.wait_ready());
    EXPECT_EQ(ports("pool"), 1);
    EXPECT_EQ(xpath(dump(domain), "string(//interface/@type)"), "hostdev");
    EXPECT_EQ(xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "string(//interface/@type)"), "network");
    EXPECT_EQ(enter_shell(domain, "cat /sys/class/net/eth0/address").text, std::string(kMac) + "\n");
    EXPECT_NE(libvirtd_->inside({"ip", "link", "show", card}).status, 0);
    ASSERT_TRUE(ok(virDomainDestroy(domain)));
    EXPECT_TRUE(eventually([&] { return libvirtd_->inside({"ip", "link", "show", card}).status == 0; }));
    EXPECT_EQ(ports("pool"), 0);
  }
  in_libvirtd({"umount", "/sys/bus/pci/devices"});
  libvirtd_->inside({"ip", "link", "del", card});
}

// ---- filters ----

class FilterTest : public LibvirtNetworkTest {
 protected:
  static void SetUpTestSuite() {
    BesideLibvirtd::SetUpTestSuite();
    if (!libvirtd_) return;
    const std::string filter =
        write("filter.xml",
              "<filter name='no-mac-spoofing' chain='mac' priority='-800'>"
              "<rule action='return' direction='out' priority='-350'><mac srcmacaddr='$MAC'/></rule>"
              "<rule action='drop' direction='out' priority='500'><mac/></rule></filter>");
    ASSERT_EQ(virsh_of(libvirtd_->uri("nwfilter"), {"nwfilter-define", filter}).status, 0);
  }
  void SetUp() override {
    LibvirtNetworkTest::SetUp();
    if (!IsSkipped() && libvirtd_->inside({"ebtables", "-t", "nat", "-L"}).status != 0)
      GTEST_SKIP() << "ebtables does not work here (package ebtables, kernel's bridge netfilter)";
  }
  static std::string guarded(const std::string& mac = kMac) {
    return network_interface(mac, "<filterref filter='no-mac-spoofing'/>");
  }
  /// Whether the gateway answers the container under its own address, and under another one.
  static std::string answers(virDomainPtr domain, const std::string& dev = "eth0") {
    const std::string ping = "ping -c 2 -W 1 -I " + dev + " 10.215.7.1 >/dev/null 2>&1 && echo yes || echo no;";
    return enter_shell(domain, ping + "ip link set " + dev + " address 52:54:00:66:66:66;" + ping).text;
  }
};

TEST_F(FilterTest, ASpoofedMacIsDropped) {
  root_.set_init(with_address("10.215.7.5"));
  const Domain free = create(networked("free", root_, network_interface()));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_EQ(answers(free), "yes\nyes\n");  // or this test would show nothing
  ASSERT_TRUE(ok(virDomainDestroy(free)));
  const Domain guest = create(networked("guarded", root_, guarded()));
  ASSERT_TRUE(root_.wait_ready());
  EXPECT_EQ(bindings(), 1);
  EXPECT_EQ(answers(guest), "yes\nno\n");
  ASSERT_TRUE(ok(virDomainDestroy(guest)));
  EXPECT_EQ(bindings(), 0);
}

TEST_F(FilterTest, AnAttachedInterfaceIsGuardedToo) {
  root_.set_init(with_address("10.215.8.5"));
  const Domain domain = create(networked("plug", root_, network_interface()));
  ASSERT_TRUE(root_.wait_ready());
  ASSERT_TRUE(ok(virDomainAttachDevice(domain, guarded(kOtherMac).c_str())));
  EXPECT_EQ(bindings(), 1);
  enter_shell(domain, "ip addr add 10.215.7.6/24 dev eth1; ip link set eth1 up");
  EXPECT_EQ(answers(domain, "eth1"), "yes\nno\n");
  ASSERT_TRUE(ok(virDomainDetachDevice(domain, guarded(kOtherMac).c_str())));
  EXPECT_EQ(bindings(), 0);
}

TEST_F(FilterTest, N5AFilterComesAndGoesLive) {
  root_.set_init(with_address("10.215.7.5"));
  const Domain domain = create(networked("change", root_, network_interface()));
  ASSERT_TRUE(root_.wait_ready());
  const auto update = [&](const std::string& xml) {
    return virDomainUpdateDeviceFlags(domain, xml.c_str(), VIR_DOMAIN_AFFECT_LIVE);
  };
  ASSERT_TRUE(ok(update(guarded())));
  EXPECT_EQ(bindings(), 1);
  EXPECT_NE(update(network_interface(kMac, "<filterref filter='no-such-filter'/>")), 0);
  EXPECT_EQ(bindings(), 1) << "the old one guards it again";
  EXPECT_EQ(xpath(dump(domain), "string(//interface/filterref/@filter)"), "no-mac-spoofing");
  EXPECT_EQ(answers(domain), "yes\nno\n");
  enter_shell(domain, std::string("ip link set eth0 address ") + kMac);
  ASSERT_TRUE(ok(update(network_interface())));
  EXPECT_EQ(bindings(), 0);
  EXPECT_EQ(answers(domain), "yes\nyes\n");
}

TEST_F(FilterTest, AFilterThatIsNotThereFailsTheStartAndLeavesNothing) {
  const Failure failure =
      refused(networked("bad", root_, network_interface(kMac, "<filterref filter='no-such-filter'/>")));
  EXPECT_EQ(failure.code, VIR_ERR_INTERNAL_ERROR) << failure.message;
  EXPECT_NE(failure.message.find("no-such-filter"), std::string::npos) << failure.message;
  EXPECT_EQ(bindings(), 0);
  EXPECT_EQ(ports(), 0);
}

TEST_F(FilterTest, N14AFilterThatCannotGuardIsRefused) {
  ASSERT_EQ(
      libvirtd_->inside({"ip", "link", "add", prefix() + "d0", "type", "veth", "peer", "name", prefix() + "d1"}).status,
      0);
  const Failure failure =
      refused(networked("direct", root_,
                        "<interface type='direct'><mac address='52:54:00:5a:00:09'/><source dev='" + prefix() +
                            "d0' mode='bridge'/><filterref filter='no-mac-spoofing'/></interface>"));
  EXPECT_EQ(failure.code, VIR_ERR_CONFIG_UNSUPPORTED) << failure.message;
  libvirtd_->inside({"ip", "link", "del", prefix() + "d0"});
}

TEST_F(FilterTest, TheNextDaemonEndsTheGuardsOfTheDead) {
  const Domain domain = create(networked("dies", root_, guarded()));
  ASSERT_EQ(bindings(), 1);
  const pid_t init = init_pid(domain);
  daemon_->kill();
  ::kill(init, SIGKILL);
  daemon_->start();
  connection_ = connect();
  EXPECT_TRUE(eventually([&] { return bindings() == 0; }));
}

}  // namespace
