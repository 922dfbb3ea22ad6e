// What passes an interface with <bandwidth>, measured.
#include "support/fixture.hpp"
#include "support/transfer.hpp"

namespace {

using namespace support;

class BandwidthTest : public SystemTest {
 protected:
  void SetUp() override {
    if (host().is_stock()) GTEST_SKIP() << "stock polices by an action that not every kernel has, and no peak";
  }
  /// A container with eth0 in the bridge, at address(2).
  Domain limited(const std::string& bandwidth) {
    DomainXml definition = xml("limited", root_);
    definition.private_network = false;
    definition.devices = bridge_interface(bridge_.name(), "",
                                          "      <ip address='" + bridge_.address(2) +
                                              "' prefix='24'/>\n      <bandwidth>" + bandwidth + "</bandwidth>\n");
    return create(definition);
  }
  double inbound(virDomainPtr domain, std::uint64_t skipped, std::uint64_t bytes) {
    return transfer_rate({}, {init_pid(domain)}, bridge_.address(2), skipped, bytes);
  }
  double outbound(virDomainPtr domain, std::uint64_t skipped, std::uint64_t bytes) {
    return transfer_rate({init_pid(domain)}, {}, bridge_.address(), skipped, bytes);
  }

  Bridge bridge_;
  Rootfs root_;
};

constexpr std::uint64_t kMegabyte = 1'000'000;

TEST_F(BandwidthTest, InboundIsWhatTheContainerReceives) {
  const Domain domain = limited("<inbound average='2000'/>");
  const double rate = inbound(domain, kMegabyte, 10 * kMegabyte);
  EXPECT_NEAR(rate, 2e6, 2e5);
  EXPECT_GT(outbound(domain, kMegabyte, 100 * kMegabyte), 2e7) << "the other direction is free";
}

TEST_F(BandwidthTest, OutboundIsWhatTheContainerSends) {
  const Domain domain = limited("<outbound average='2000'/>");
  const double rate = outbound(domain, 2 * kMegabyte, 12 * kMegabyte);
  EXPECT_NEAR(rate, 2e6, 2e5);
  EXPECT_GT(inbound(domain, kMegabyte, 100 * kMegabyte), 2e7) << "the other direction is free";
}

TEST_F(BandwidthTest, FasterLimitsHoldToo) {
  const Domain domain = limited("<inbound average='25000'/><outbound average='25000'/>");
  EXPECT_NEAR(inbound(domain, 10 * kMegabyte, 100 * kMegabyte), 25e6, 25e5);
  EXPECT_NEAR(outbound(domain, 10 * kMegabyte, 100 * kMegabyte), 25e6, 25e5);
}

TEST_F(BandwidthTest, N6_ABurstGoesAtPeakSpeedOutbound) {
  const Domain domain = limited("<outbound average='1000' peak='4000' burst='8000'/>");
  const double burst = outbound(domain, 2 * kMegabyte, 4 * kMegabyte);
  EXPECT_NEAR(burst, 4e6, 8e5);
}

TEST_F(BandwidthTest, ABurstGoesAtPeakSpeedInbound) {
  const Domain domain = limited("<inbound average='1000' peak='4000' burst='8000'/>");
  const double burst = inbound(domain, kMegabyte / 2, 4 * kMegabyte);
  EXPECT_NEAR(burst, 4e6, 4e5);
}

}  // namespace
