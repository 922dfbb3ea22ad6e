// What passes an interface with <bandwidth>, measured.
#include <chrono>
#include <cmath>
#include <functional>
#include <thread>

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

/// Once of three times: where others keep the CPUs busy, a transfer may stall and what was saved up meanwhile follows.
void expect_rate(double wanted, double tolerance, const std::function<double()>& measure) {
  double rate = 0;
  for (int turn = 0; turn < 3; ++turn) {
    if (turn > 0) std::this_thread::sleep_for(std::chrono::seconds(10));  // until a burst can be had again
    rate = measure();
    if (std::abs(rate - wanted) <= tolerance) return;
  }
  EXPECT_NEAR(rate, wanted, tolerance) << "bytes per second";
}

TEST_F(BandwidthTest, InboundIsWhatTheContainerReceives) {
  const Domain domain = limited("<inbound average='2000'/>");
  expect_rate(2e6, 2e5, [&] { return inbound(domain, kMegabyte, 10 * kMegabyte); });
  EXPECT_GT(outbound(domain, kMegabyte, 100 * kMegabyte), 2e7) << "the other direction is free";
}

TEST_F(BandwidthTest, OutboundIsWhatTheContainerSends) {
  const Domain domain = limited("<outbound average='2000'/>");
  expect_rate(2e6, 2e5, [&] { return outbound(domain, 2 * kMegabyte, 12 * kMegabyte); });
  EXPECT_GT(inbound(domain, kMegabyte, 100 * kMegabyte), 2e7) << "the other direction is free";
}

TEST_F(BandwidthTest, FasterLimitsHoldToo) {
  const Domain domain = limited("<inbound average='25000'/><outbound average='25000'/>");
  expect_rate(25e6, 25e5, [&] { return inbound(domain, 10 * kMegabyte, 100 * kMegabyte); });
  expect_rate(25e6, 25e5, [&] { return outbound(domain, 10 * kMegabyte, 100 * kMegabyte); });
}

TEST_F(BandwidthTest, N6_ABurstGoesAtPeakSpeedOutbound) {
  const Domain domain = limited("<outbound average='1000' peak='4000' burst='8000'/>");
  expect_rate(4e6, 8e5, [&] { return outbound(domain, 2 * kMegabyte, 4 * kMegabyte); });
}

TEST_F(BandwidthTest, ABurstGoesAtPeakSpeedInbound) {
  const Domain domain = limited("<inbound average='1000' peak='4000' burst='8000'/>");
  expect_rate(4e6, 4e5, [&] { return inbound(domain, kMegabyte / 2, 4 * kMegabyte); });
}

}  // namespace
