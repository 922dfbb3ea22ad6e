#include "netlink/bandwidth.hpp"

#include <gmock/gmock.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "netlink/attributes.hpp"

namespace netlink {
namespace {

tc_htb_opt class_options(const BandwidthRate& rate) {
  const auto found = attributes<tcmsg>(shaper_class_message(7, rate));
  const auto options = parse(found.at(TCA_OPTIONS).data(), found.at(TCA_OPTIONS).size());
  tc_htb_opt parsed;
  std::memcpy(&parsed, options.at(TCA_HTB_PARMS).data(), sizeof parsed);
  return parsed;
}

constexpr double kTicksPerSecond = 1e9 / 64;

TEST(Bandwidth, ShaperIsARootQueueWithOneClass) {
  const Message root = add_shaper_message(7);
  EXPECT_EQ(nlmsg_hdr(root.get())->nlmsg_type, RTM_NEWQDISC);
  EXPECT_EQ(header_of<tcmsg>(root).tcm_ifindex, 7);
  EXPECT_EQ(header_of<tcmsg>(root).tcm_parent, TC_H_ROOT);
  EXPECT_EQ(attributes<tcmsg>(root).at(TCA_KIND), text("htb"));
  const auto sub = header_of<tcmsg>(shaper_class_message(7, {.average = 1}));
  EXPECT_EQ(sub.tcm_parent, header_of<tcmsg>(root).tcm_handle);
  EXPECT_EQ(header_of<tcmsg>(shaper_leaf_message(7)).tcm_parent, sub.tcm_handle);
}

TEST(Bandwidth, UnitsAreThousandBytesASecondAndKibibytes) {
  const auto options = class_options({.average = 2000, .peak = 5000, .burst = 100});
  EXPECT_EQ(options.rate.rate, 2'000'000U);
  EXPECT_EQ(options.ceil.rate, 5'000'000U);
  EXPECT_NEAR(options.buffer, 102400.0 / 2'000'000 * kTicksPerSecond, 1);
  EXPECT_THAT(token_buckets({.average = 2000, .burst = 100}), testing::ElementsAre(TokenBucket{2'000'000, 102400}));
}

TEST(Bandwidth, WithoutPeakABurstMayGoAtAnySpeed) {
  const auto options = class_options({.average = 2000, .burst = 100});
  EXPECT_EQ(options.ceil.rate, options.rate.rate);
  EXPECT_EQ(options.cbuffer, options.buffer);
}

TEST(Bandwidth, N6_OutboundPeakIsASecondBucket) {
  const auto buckets = token_buckets({.average = 2000, .peak = 5000, .burst = 4000});
  ASSERT_EQ(buckets.size(), 2U);
  EXPECT_EQ(buckets[0].bytes_per_second, 5'000'000U);
  EXPECT_LT(buckets[0].depth_bytes, buckets[1].depth_bytes);
  EXPECT_EQ(buckets[1], (TokenBucket{2'000'000, 4'096'000}));
}

TEST(Bandwidth, RatesBeyondFourGigabytesHaveAttributesOfTheirOwn) {
  const auto found = attributes<tcmsg>(shaper_class_message(7, {.average = 5'000'000, .peak = 6'000'000}));
  const auto options = parse(found.at(TCA_OPTIONS).data(), found.at(TCA_OPTIONS).size());
  std::uint64_t rate = 0, ceil = 0;
  std::memcpy(&rate, options.at(TCA_HTB_RATE64).data(), sizeof rate);
  std::memcpy(&ceil, options.at(TCA_HTB_CEIL64).data(), sizeof ceil);
  EXPECT_EQ(rate, 5'000'000'000U);
  EXPECT_EQ(ceil, 6'000'000'000U);
}

TEST(Bandwidth, TheLargestNumbersDoNotOverflow) {
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  const auto options = class_options({.average = kMost, .peak = kMost, .burst = kMost});
  EXPECT_GT(options.buffer, 0U);
  EXPECT_EQ(class_options({.average = 1, .burst = kMost}).buffer, ~std::uint32_t{0});
  for (const auto& bucket : token_buckets({.average = kMost, .peak = kMost, .burst = kMost}))
    EXPECT_GT(bucket.bytes_per_second, kMost / 2);
}

TEST(Bandwidth, PolicingIsAFilterOnTheIngress) {
  const auto header = header_of<tcmsg>(police_message(7, 42));
  EXPECT_EQ(header.tcm_parent, header_of<tcmsg>(add_ingress_message(7)).tcm_handle);
  const auto found = attributes<tcmsg>(police_message(7, 42));
  EXPECT_EQ(found.at(TCA_KIND), text("bpf"));
  const auto options = parse(found.at(TCA_OPTIONS).data(), found.at(TCA_OPTIONS).size());
  EXPECT_EQ(options.at(TCA_BPF_FD), number(42));
  EXPECT_EQ(options.at(TCA_BPF_FLAGS), number(TCA_BPF_FLAG_ACT_DIRECT));
}

}  // namespace
}  // namespace netlink
