// Interfaces on libvirt's own networks, and interfaces that its filters guard.
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "support/beside_libvirtd.hpp"

namespace {

using namespace support;

constexpr const char* kMac = "52:54:00:5a:00:01";
constexpr const char* kOtherMac = "52:54:00:5a:00:02";

/// Asks for an address and sets up what it is given, as a distribution's network script does.
constexpr const char* kLeaseScript =
    "case $1 in bound|renew)\n"
    "  busybox ip addr add $ip/$mask dev $interface; busybox ip route add default via $router\n"
    "  busybox printf 'nameserver %s\\n' $dns >/etc/resolv.conf;; esac\n";
const std::string kAsksForAddress =
    std::string("ip link set eth0 up\nbusybox udhcpc -i eth0 -n -q -t 20 -T 1 -s /etc/lease\n") + init::kObedient;
const std::string kWithAddress = std::string("ip link set eth0 up; ip addr add $ADDRESS dev eth0\n") + init::kObedient;

class LibvirtNetworkTest : public BesideLibvirtd {
 protected:
  void SetUp() override {
    BesideLibvirtd::SetUp();
    if (IsSkipped()) return;
    connection_ = connect();
    network_.reset();
    // As libvirt's own "default" network.
    network_ = make_network(
        "<network><name>default</name><forward mode='nat'/><bridge name='" + prefix() +
        "n' stp='off' delay='0'/><dns><host ip='10.215.7.1'><hostname>gate.test</hostname></host></dns>"
        "<ip address='10.215.7.1' netmask='255.255.255.0'><dhcp><range start='10.215.7.10' end='10.215.7.99'/>"
        "<host mac='52:54:00:5a:00:50' ip='10.215.7.50'/></dhcp>"
        "</ip></network>");
  }
  void TearDown() override {
    if (!libvirtd_) return;
    if (!daemon_->running()) daemon_->start();
    connection_ = connect();
    remove_own_domains(connection_);
    for (const char* name : {"default", "second"}) {
      const Network network(virNetworkLookupByName(connection_, name));
      if (!network) continue;
      if (virNetworkIsActive(network) == 1) {
        EXPECT_EQ(ports(name), 0);
      }
      virNetworkDestroy(network);
      virNetworkUndefine(network);
    }
    connection_.reset();
  }

  Network make_network(const std::string& xml) const {
    Network network(virNetworkDefineXML(connection_, xml.c_str()));
    EXPECT_TRUE(network) << last_failure().message;
    EXPECT_TRUE(ok(virNetworkCreate(network)));
    return network;
  }
  /// Through our socket; -1 when it cannot be asked.
  int ports(const std::string& name = "default") const {
    const Network network(virNetworkLookupByName(connection_, name.c_str()));
    return network ? virNetworkListAllPorts(network, nullptr, 0) : -1;
  }
  int bindings() const { return virConnectListAllNWFilterBindings(connection_, nullptr, 0); }

  static std::string network_interface(const std::string& mac = kMac, const std::string& more = "",
                                       const std::string& network = "default") {
    return "<interface type='network'><mac address='" + mac + "'/><source network='" + network + "'/>" + more +
           "</interface>";
  }
  DomainXml networked(const std::string& word, Rootfs& root, const std::string& interface) const {
    root.write("etc/lease", std::string("#!/bin/sh\n") + kLeaseScript);
    std::filesystem::permissions(root / "etc/lease", std::filesystem::perms::owner_all);
    DomainXml xml;
    xml.name = own_name(word);
    xml.root = root.path();
    xml.private_network = false;
    xml.devices = interface;
    return xml;
  }
  Domain create(const std::string& xml) const {
    Domain domain(virDomainCreateXML(connection_, xml.c_str(), 0));
    EXPECT_TRUE(domain) << last_failure().message;
    return domain;
  }
  Failure refused(const std::string& xml) const {
    EXPECT_FALSE(Domain(virDomainCreateXML(connection_, xml.c_str(), 0)));
    return last_failure();
  }
  static std::string with_address(const std::string& address) { return "ADDRESS=" + address + "/24\n" + kWithAddress; }

  Connection connection_;
  Network network_;
  Rootfs root_;
};

TEST_F(LibvirtNetworkTest, TheDefaultNetworkWorksOutOfTheBox) {
  root_.set_init(kAsksForAddress);
  const Domain domain = create(networked("dhcp", root_, network_interface()));
  ASSERT_TRUE(root_.wait_ready());
  const Output address = enter_shell(domain, "ip -4 -o addr show dev eth0");
  EXPECT_NE(address.text.find("inet 10.215.7."), std::string::npos) << address.text;
  const Output name = enter_shell(domain, "busybox nslookup gate.test");
  EXPECT_NE(name.text.find("Name:\tgate.test\nAddress: 10.215.7.1"), std::string::npos) << name.text;
  const Output ping = enter_shell(domain, "ping -c 1 -w 10 gate.test");
  EXPECT_EQ(ping.status, 0) << ping.text;
  EXPECT_NE(virsh({"net-dhcp-leases", "default"}).find(kMac), std::string::npos);
}

TEST_F(LibvirtNetworkTest, LeasesTellAddressesAndLinkStateChangesLive) {
  root_.set_init(kAsksForAddress);
  const Domain domain = create(networked("lease", root_, network_interface()));
  ASSERT_TRUE(root_.wait_ready());
  virDomainInterfacePtr* interfaces = nullptr;
  // The DHCP server tells libvirt when it has told the guest.
  ASSERT_TRUE(eventually([&] {
    return virDomainInterfaceAddresses(domain, &interfaces, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE, 0) == 1;
  })) << describe(last_failure());
  EXPECT_STREQ(interfaces[0]->hwaddr, kMac);
  ASSERT_EQ(interfaces[0]->naddrs, 1U);
  const Output inside = enter_shell(domain, "ip -4 -o addr show dev eth0");
  EXPECT_NE(inside.text.find(interfaces[0]->addrs[0].addr), std::string::npos) << inside.text;
  virDomainInterfaceFree(interfaces[0]);
  free(interfaces);
  // As virsh domif-setlink does, with a client's view of the interface: its network, not what that was resolved to.
  const auto carrier = [&] { return enter_shell(domain, "cat /sys/class/net/eth0/carrier").text; };
  const auto set_link = [&](const char* state) {
    const std::string link = std::string("<link state='") + state + "'/>";
    return virDomainUpdateDeviceFlags(domain, network_interface(kMac, link).c_str(), VIR_DOMAIN_AFFECT_LIVE);
  };
  ASSERT_TRUE(ok(set_link("down")));
  EXPECT_EQ(carrier(), "0\n");
  ASSERT_TRUE(ok(set_link("up")));
  EXPECT_EQ(carrier(), "1\n");
  EXPECT_EQ(ports(), 1);
}

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

// ---- beside QEMU's guests ----

constexpr const char* kGuestMac = "52:54:00:5a:00:50";
constexpr const char* kGuestAddress = "10.215.7.50";  // what the network gives that MAC

/// A guest that asks for its address and pings `peer`, a word of the kernel's command line, until it is answered.
constexpr const char* kGuestInit =
    "#!/bin/sh\n"
    "b=/bin/busybox\n"
    "$b mount -t proc proc /proc; $b mount -t sysfs sysfs /sys; $b mount -t devtmpfs dev /dev\n"
    // In no order of their needs: what fails for want of another succeeds in the next round.
    "for round in 1 2 3; do for m in /modules/*.ko; do $b insmod $m 2>/dev/null; done; done\n"
    "$b ip link set eth0 up\n"
    "$b udhcpc -i eth0 -n -q -t 20 -T 1 -s /lease >/dev/ttyS0 2>&1\n"
    "until $b ping -c 1 -W 1 $peer >/dev/null 2>&1; do $b sleep 0.2; done\n"
    "$b echo the guest was answered >/dev/ttyS0\n"
    "while :; do $b sleep 1; done\n";

/// The version of an installed kernel whose modules for QEMU's network card lie beside it; "" if there is none.
std::string guest_kernel() {
  if (!exists("/boot")) return "";
  for (const auto& entry : std::filesystem::directory_iterator("/boot")) {
    const std::string name = entry.path().filename(), start = "vmlinuz-";
    if (!name.starts_with(start)) continue;
    const std::string version = name.substr(start.size());
    const std::string module = "/lib/modules/" + version + "/kernel/drivers/net/virtio_net.ko";
    if (exists(module) || exists(module + ".xz")) return version;
  }
  return "";
}

/// An initramfs of busybox, the card's modules and kGuestInit; its path, "" when it cannot be made.
std::string make_guest_image(const std::string& kernel) {
  const std::string folder = make_folder("guest");
  std::filesystem::create_directory(folder + "/root");
  write_text(folder + "/root/init", kGuestInit, 0755);
  write_text(folder + "/root/lease", std::string("#!/bin/sh\n") + kLeaseScript, 0755);
  const Output made = shell("set -e; cd " + folder +
                            "/root; mkdir -p bin dev proc sys etc modules; cp $(command -v busybox) bin/busybox; "
                            "ln -s busybox bin/sh; cd /lib/modules/" +
                            kernel +
                            "/kernel; cp drivers/virtio/virtio*.ko* net/core/failover.ko* "
                            "drivers/net/net_failover.ko* drivers/net/virtio_net.ko* " +
                            folder + "/root/modules; cd " + folder +
                            "/root; busybox unxz modules/*.xz 2>/dev/null || true; "
                            "find . | busybox cpio -o -H newc >../image 2>/dev/null");
  EXPECT_EQ(made.status, 0) << made.text;
  return folder + "/image";
}

TEST_F(LibvirtNetworkTest, AContainerAndAQemuGuestPingEachOther) {
  const std::string kernel = guest_kernel();
  if (!have_program("qemu-system-x86_64")) GTEST_SKIP() << "there is no QEMU (package qemu-system-x86)";
  if (kernel.empty()) GTEST_SKIP() << "there is no kernel for a guest (package linux-image-cloud-amd64)";
  const std::string folder = make_folder("mixed"), serial = folder + "/serial";
  // Where KVM works (not on every machine that has the device), the guest is one of its.
  const std::string type = std::getenv("LXCELL_TEST_KVM") != nullptr ? "kvm" : "qemu";
  std::printf("[ GUEST    ] is of type '%s'\n", type.c_str());
  // no_timer_check: on a busy machine the emulated timer is too slow for the kernel's look at it.
  const std::string guest = "<domain type='" + type + "'><name>" + own_name("guest") +
                            "</name><memory unit='MiB'>128</memory><os><type arch='x86_64' "
                            "machine='pc'>hvm</type><kernel>/boot/vmlinuz-" +
                            kernel + "</kernel><initrd>" + make_guest_image(kernel) +
                            "</initrd><cmdline>console=ttyS0 quiet no_timer_check "
                            "peer=10.215.7.5</cmdline></os><features><acpi/></features><devices>" +
                            network_interface(kGuestMac, "<model type='virtio'/>") +
                            "<serial type='file'><source path='" + serial +
                            "'/></serial><memballoon model='none'/></devices></domain>";
  root_.set_init(with_address("10.215.7.5"));
  const DomainXml container = networked("beside", root_, network_interface());
  // One script for both.
  const struct {
    std::string uri, name, xml;
  } both[] = {{daemon_->uri(), own_name("beside"), container}, {libvirtd_->uri("qemu"), own_name("guest"), guest}};
  for (const auto& one : both) {
    const Output created = virsh_of(one.uri, {"create", write("domain.xml", one.xml)});
    ASSERT_EQ(created.status, 0) << created.text;
    EXPECT_NE(virsh_of(one.uri, {"domiflist", one.name}).text.find("default"), std::string::npos);
  }
  EXPECT_EQ(ports(), 2);
  const bool answered = eventually([&] { return read_text(serial).find("was answered") != std::string::npos; },
                                   scaled(std::chrono::seconds(300)));
  EXPECT_TRUE(answered) << read_text(serial);
  const Domain domain(virDomainLookupByName(connection_, own_name("beside").c_str()));
  const Output ping = enter_shell(domain, std::string("ping -c 1 -w 10 ") + kGuestAddress);
  EXPECT_EQ(ping.status, 0) << ping.text;
  for (const auto& one : both) EXPECT_EQ(virsh_of(one.uri, {"destroy", one.name}).status, 0);
  EXPECT_EQ(ports(), 0);
}

}  // namespace
