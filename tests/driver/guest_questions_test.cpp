// Addresses and hostname of a running container, through libvirt's own client over a backend in memory.
#include <cstdlib>

#include "driver/harness.hpp"

namespace {

using test::domain_xml;

class GuestQuestionsTest : public test::DaemonFixture {
 protected:
  static int last_code() {
    const virErrorPtr error = virGetLastError();
    return error ? error->code : VIR_ERR_OK;
  }
  /// "eth0 52:54:00:00:00:01 0:10.0.0.2/24; ..."; "error CODE".
  static std::string addresses(virDomainPtr domain, unsigned source, unsigned flags = 0) {
    virDomainInterfacePtr* interfaces = nullptr;
    const int count = virDomainInterfaceAddresses(domain, &interfaces, source, flags);
    if (count < 0) return "error " + std::to_string(last_code());
    std::string text;
    for (int i = 0; i < count; ++i) {
      const auto& one = *interfaces[i];
      text += std::string(text.empty() ? "" : "; ") + one.name + " " + (one.hwaddr ? one.hwaddr : "-");
      for (unsigned k = 0; k < one.naddrs; ++k)
        text += " " + std::to_string(one.addrs[k].type) + ":" + one.addrs[k].addr + "/" +
                std::to_string(one.addrs[k].prefix);
      virDomainInterfaceFree(interfaces[i]);
    }
    free(interfaces);
    return text;
  }
  static std::string hostname(virDomainPtr domain, unsigned flags) {
    char* const name = virDomainGetHostname(domain, flags);
    if (!name) return "error " + std::to_string(last_code());
    const std::string copy = name;
    free(name);
    return copy;
  }
  static std::string error(int code) { return "error " + std::to_string(code); }
  virDomainPtr with_interface(const std::string& interface) {
    const virDomainPtr domain = define(domain_xml("web"));
    EXPECT_EQ(virDomainAttachDeviceFlags(domain, interface.c_str(), VIR_DOMAIN_AFFECT_CONFIG), 0)
        << virGetLastErrorMessage();
    return domain;
  }
  static constexpr const char* kBridged =
      "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>";
};

TEST_F(GuestQuestionsTest, OnlyARunningContainerAnswers) {
  const virDomainPtr domain = define(domain_xml("web"));
  for (const unsigned source : {0u, 1u, 2u}) EXPECT_EQ(addresses(domain, source), error(VIR_ERR_OPERATION_INVALID));
  EXPECT_EQ(hostname(domain, 0), error(VIR_ERR_OPERATION_INVALID));
}

TEST_F(GuestQuestionsTest, TheKernelInsideAnswersInPlaceOfAnAgent) {
  const virDomainPtr domain = define(domain_xml("web"));
  ASSERT_EQ(virDomainCreate(domain), 0);
  auto& guest = daemon_.guest(domain);
  guest.links_inside = {{"lo", {}, {{false, "127.0.0.1", 8}}},
                        {"eth0", {{0x52, 0x54, 0, 0, 0, 1}}, {{false, "10.0.0.2", 24}, {true, "2001:db8::2", 64}}}};
  guest.hostname = "box";
  EXPECT_EQ(addresses(domain, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT),
            "lo - 0:127.0.0.1/8; eth0 52:54:00:00:00:01 0:10.0.0.2/24 1:2001:db8::2/64");
  EXPECT_EQ(hostname(domain, 0), "box");
  EXPECT_EQ(hostname(domain, VIR_DOMAIN_GET_HOSTNAME_AGENT), "box");
  guest.hostname.clear();
  EXPECT_EQ(hostname(domain, 0), error(VIR_ERR_NO_HOSTNAME));
}

TEST_F(GuestQuestionsTest, TheHostsNeighboursAreKnownByTheirMacAddress) {
  const virDomainPtr domain = with_interface(kBridged);
  ASSERT_EQ(virDomainCreate(domain), 0);
  daemon_.world().neighbors = {{{0x52, 0x54, 0, 0, 0, 1}, {false, "10.0.0.2", 32}},
                               {{0x52, 0x54, 0, 0, 0, 9}, {false, "10.0.0.9", 32}},
                               {{0x52, 0x54, 0, 0, 0, 1}, {true, "fe80::2", 128}}};
  EXPECT_EQ(addresses(domain, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP),
            "vnet1000-0 52:54:00:00:00:01 0:10.0.0.2/32 1:fe80::2/128");
}

TEST_F(GuestQuestionsTest, LeasesAreAskedForOnLibvirtsNetworksOnly) {
  const virDomainPtr domain = with_interface(kBridged);
  ASSERT_EQ(virDomainCreate(domain), 0);
  EXPECT_EQ(addresses(domain, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE), "");
  EXPECT_EQ(hostname(domain, VIR_DOMAIN_GET_HOSTNAME_LEASE), error(VIR_ERR_NO_HOSTNAME));
}

TEST_F(GuestQuestionsTest, BadQuestionsAreRefused) {
  const virDomainPtr domain = define(domain_xml("web"));
  ASSERT_EQ(virDomainCreate(domain), 0);
  EXPECT_EQ(addresses(domain, 7), error(VIR_ERR_ARGUMENT_UNSUPPORTED));
  EXPECT_EQ(addresses(domain, 0, 1), error(VIR_ERR_INVALID_ARG));
  EXPECT_EQ(hostname(domain, 3), error(VIR_ERR_INVALID_ARG));
  EXPECT_EQ(hostname(domain, 4), error(VIR_ERR_INVALID_ARG));
}

TEST_F(GuestQuestionsTest, ReadOnlyClientsDoNotLookInside) {
  const virDomainPtr domain = define(domain_xml("web"));
  ASSERT_EQ(virDomainCreate(domain), 0);
  const virConnectPtr reader = daemon_.connect(true);
  const virDomainPtr seen = virDomainLookupByName(reader, "web");
  EXPECT_EQ(addresses(seen, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT), error(VIR_ERR_OPERATION_DENIED));
  EXPECT_EQ(addresses(seen, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP), "");
  virDomainFree(seen);
  virConnectClose(reader);
}

}  // namespace
