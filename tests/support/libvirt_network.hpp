// A daemon beside libvirt's own that has a network "default", with addresses by DHCP, and what containers on it need.
#pragma once

#include <filesystem>
#include <string>

#include "support/beside_libvirtd.hpp"

namespace support {

inline constexpr const char* kMac = "52:54:00:5a:00:01";
inline constexpr const char* kOtherMac = "52:54:00:5a:00:02";

/// Asks for an address and sets up what it is given, as a distribution's network script does.
inline constexpr const char* kLeaseScript =
    "case $1 in bound|renew)\n"
    "  busybox ip addr add $ip/$mask dev $interface; busybox ip route add default via $router\n"
    "  busybox printf 'nameserver %s\\n' $dns >/etc/resolv.conf;; esac\n";
inline const std::string kAsksForAddress =
    std::string("ip link set eth0 up\nbusybox udhcpc -i eth0 -n -q -t 20 -T 1 -s /etc/lease\n") + init::kObedient;
inline const std::string kWithAddress =
    std::string("ip link set eth0 up; ip addr add $ADDRESS dev eth0\n") + init::kObedient;

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
    for (const char* name : {"default", "second", "pool", "guaranteed"}) {
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

}  // namespace support
