// Containers on libvirt's own networks as a host has them: its kernel, its libvirt, its DHCP server, its QEMU.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/libvirt_network.hpp"

namespace {

using namespace support;

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

TEST_F(LibvirtNetworkTest, AFloorIsGuaranteedByTheNetworkAndChangesLive) {
  const std::string network = "<network><name>guaranteed</name><forward mode='nat'/><bridge name='" + prefix() +
                              "g' stp='off' delay='0'/><bandwidth><inbound average='1000' peak='2000'/></bandwidth>"
                              "<ip address='10.215.9.1' netmask='255.255.255.0'/></network>";
  const Network guaranteed(virNetworkDefineXML(connection_, network.c_str()));
  ASSERT_TRUE(guaranteed) << last_failure().message;
  if (virNetworkCreate(guaranteed) != 0) {
    ASSERT_NE(last_failure().message.find("sfq"), std::string::npos) << last_failure().message;
    GTEST_SKIP() << "this kernel lacks the queue (sch_sfq) that libvirt puts on networks with bandwidth";
  }
  const auto floor = [](int value) {
    return "<bandwidth><inbound average='800' floor='" + std::to_string(value) + "'/></bandwidth>";
  };
  const auto classes = [&] { return libvirtd_->inside({"tc", "class", "show", "dev", prefix() + "g"}).text; };
  const Failure too_much = refused(networked("much", root_, network_interface(kMac, floor(5000), "guaranteed")));
  EXPECT_EQ(too_much.code, VIR_ERR_OPERATION_INVALID) << too_much.message;
  const Domain domain = create(networked("floor", root_, network_interface(kMac, floor(300), "guaranteed")));
  EXPECT_NE(classes().find("rate 2400Kbit"), std::string::npos) << classes();
  const std::string name = own_name("floor");
  virsh({"domiftune", name, kMac, "--inbound", "800,0,0,400", "--live"});
  EXPECT_NE(classes().find("rate 3200Kbit"), std::string::npos) << classes();
  EXPECT_NE(virsh({"domiftune", name, kMac}).find("inbound.floor  : 400"), std::string::npos);
  const Output refusal = virsh_of(daemon_->uri(), {"domiftune", name, kMac, "--inbound", "800,0,0,5000", "--live"});
  EXPECT_NE(refusal.status, 0) << "more than the network has";
  EXPECT_NE(classes().find("rate 3200Kbit"), std::string::npos) << classes();
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(classes().find("rate 3200Kbit"), std::string::npos) << classes();
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
