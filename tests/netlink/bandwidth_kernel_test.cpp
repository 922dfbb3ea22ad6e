// Limits as the kernel takes them, and the policer run by the kernel on packets of the test's own. Root only.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <array>

#include "base/error.hpp"
#include "netlink/bandwidth.hpp"
#include "netlink/builder.hpp"
#include "netlink/kernel_fixture.hpp"
#include "netlink/link.hpp"

namespace netlink {
namespace {

class BandwidthKernel : public NetlinkKernel {
 protected:
  void SetUp() override {
    NetlinkKernel::SetUp();
    if (IsSkipped()) return;
    inside_ = make_namespace();
    veth_.emplace(Veth::create(*socket_, plan("lxt-v0", ""), inside_.fd.get()));
  }

  /// What `type` (RTM_GETQDISC, RTM_GETTCLASS, RTM_GETTFILTER) lists of the link, as "kind handle".
  std::vector<std::string> list(int type, std::uint32_t parent = 0) {
    tcmsg header{};
    header.tcm_ifindex = veth_->host_index();
    header.tcm_parent = parent;
    Builder builder(type, NLM_F_DUMP);
    builder.header(header);
    const Message message = builder.take();
    std::vector<std::string> found;
    socket_->exchange(message.get(), [&](nlmsghdr* answer) {
      const auto* one = static_cast<const tcmsg*>(nlmsg_data(answer));
      nlattr* kind = nlmsg_find_attr(answer, sizeof(tcmsg), TCA_KIND);
      if (one->tcm_ifindex != veth_->host_index() || !kind) return;
      std::array<char, 16> handle{};
      std::snprintf(handle.data(), handle.size(), " %x:%x", one->tcm_handle >> 16, one->tcm_handle & 0xFFFF);
      found.push_back(std::string(nla_get_string(kind)) + handle.data());
      if (type == RTM_GETTCLASS) rate_ = rate_of(answer);
    });
    return found;
  }
  std::vector<std::string> qdiscs() { return list(RTM_GETQDISC); }

  Namespace inside_;
  std::optional<Veth> veth_;
  std::uint32_t rate_ = 0;  // of the class that was listed last, in bytes per second

 private:
  static std::uint32_t rate_of(nlmsghdr* answer) {
    nlattr* options = nlmsg_find_attr(answer, sizeof(tcmsg), TCA_OPTIONS);
    nlattr* parameters =
        options ? nla_find(static_cast<nlattr*>(nla_data(options)), nla_len(options), TCA_HTB_PARMS) : nullptr;
    return parameters ? static_cast<const tc_htb_opt*>(nla_data(parameters))->rate.rate : 0;
  }
};

TEST_F(BandwidthKernel, BothDirectionsComeAndGo) {
  const auto before = qdiscs();
  set_bandwidth(*socket_, "lxt-v0", {.inbound = {{.average = 100}}, .outbound = {{.average = 200, .peak = 400}}});
  EXPECT_THAT(qdiscs(), testing::IsSupersetOf({"htb 1:0", "ingress ffff:0"}));
  EXPECT_THAT(list(RTM_GETTCLASS), testing::ElementsAre("htb 1:1"));
  EXPECT_EQ(rate_, 100'000U);
  EXPECT_THAT(list(RTM_GETTFILTER, TC_H_MAJ(TC_H_INGRESS)), testing::Contains("bpf 0:1"));

  set_bandwidth(*socket_, "lxt-v0", {});
  EXPECT_EQ(qdiscs(), before);
  EXPECT_NO_THROW(set_bandwidth(*socket_, "lxt-v0", {})) << "nothing there already";
  EXPECT_EQ(qdiscs(), before);
}

TEST_F(BandwidthKernel, ChangesInPlace) {
  set_bandwidth(*socket_, "lxt-v0", {.inbound = {{.average = 100}}, .outbound = {{.average = 200}}});
  const auto before = qdiscs();
  for (const std::uint64_t average : {300, 300, 400})
    set_bandwidth(*socket_, "lxt-v0",
                  {.inbound = {{.average = average, .burst = 64}}, .outbound = {{.average = average}}});
  EXPECT_EQ(qdiscs(), before);
  EXPECT_THAT(list(RTM_GETTCLASS), testing::ElementsAre("htb 1:1"));
  EXPECT_EQ(rate_, 400'000U);
  const auto filters = list(RTM_GETTFILTER, TC_H_MAJ(TC_H_INGRESS));
  EXPECT_EQ(std::count(filters.begin(), filters.end(), "bpf 0:1"), 1);
}

TEST_F(BandwidthKernel, OneDirectionLeavesTheOtherFree) {
  set_bandwidth(*socket_, "lxt-v0", {.inbound = {{.average = 100}}, .outbound = {{.average = 100}}});
  set_bandwidth(*socket_, "lxt-v0", {.outbound = {{.average = 100}}});
  EXPECT_THAT(qdiscs(), testing::Not(testing::Contains("htb 1:0")));
  EXPECT_THAT(qdiscs(), testing::Contains("ingress ffff:0"));
  set_bandwidth(*socket_, "lxt-v0", {.inbound = {{.average = 0, .floor = 50}}});
  EXPECT_THAT(qdiscs(), testing::Not(testing::Contains("htb 1:0"))) << "a floor alone is no limit";
}

TEST_F(BandwidthKernel, InsideTheDirectionsAreTheContainers) {
  set_bandwidth_inside(*socket_, "lxt-v0", {.outbound = {{.average = 100}}});
  EXPECT_THAT(qdiscs(), testing::Contains("htb 1:0"));
  EXPECT_THAT(qdiscs(), testing::Not(testing::Contains("ingress ffff:0")));
}

TEST_F(BandwidthKernel, AMissingLinkIsNamed) {
  try {
    set_bandwidth(*socket_, "lxt-none", {.inbound = {{.average = 1}}});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.system_errno(), ENODEV);
    EXPECT_THAT(error.message(), testing::HasSubstr("'lxt-none'"));
  }
}

/// A policer and its state. Its rates are one byte a second, so that nothing flows back while the test runs.
class Policer {
 public:
  explicit Policer(const std::vector<TokenBucket>& buckets)
      : state_(bpf_map_create(BPF_MAP_TYPE_ARRAY, "test", 4, static_cast<__u32>(8 * buckets.size()), 1, nullptr)) {
    const auto code = policer_program(buckets, state_.get());
    program_ = base::Fd(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "test", "LGPL", code.data(), code.size(), nullptr));
    if (!program_) throw std::runtime_error("the kernel does not take the program");
  }
  int verdict(std::size_t bytes) {
    std::vector<char> packet(bytes);
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = packet.data();
    options.data_size_in = static_cast<__u32>(packet.size());
    options.repeat = 1;
    if (bpf_prog_test_run_opts(program_.get(), &options) != 0) throw std::runtime_error("test run");
    return static_cast<int>(options.retval);
  }
  /// How many packets of that size pass before one is dropped.
  int passing(std::size_t bytes) {
    for (int count = 0; count < 1000; ++count)
      if (verdict(bytes) == TC_ACT_SHOT) return count;
    return 1000;
  }
  std::vector<std::uint64_t> state(std::size_t buckets) {
    std::vector<std::uint64_t> values(buckets);
    const std::uint32_t key = 0;
    bpf_map_lookup_elem(state_.get(), &key, values.data());
    return values;
  }

 private:
  base::Fd state_, program_;
};

class PolicerKernel : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to load programs";
  }
};

TEST_F(PolicerKernel, ABucketIsAsDeepAsItSays) {
  // One packet more than fit: the bucket may go into debt by one, so that a packet larger than it passes at all.
  EXPECT_EQ(Policer({{1, 10'000}}).passing(1000), 11);
  EXPECT_EQ(Policer({{1, 0}}).passing(1000), 1);
}

TEST_F(PolicerKernel, TimeFillsTheBucket) {
  Policer fast({{1'000'000'000'000, 1'000'000'000}});
  EXPECT_EQ(fast.passing(1000), 1000);
}

TEST_F(PolicerKernel, BothBucketsMustHaveTokens) {
  EXPECT_EQ(Policer({{1, 3000}, {1, 10'000}}).passing(1000), 4);
  EXPECT_EQ(Policer({{1, 10'000}, {1, 3000}}).passing(1000), 4);
}

TEST_F(PolicerKernel, ADroppedPacketCostsNothing) {
  Policer policer({{1, 1'000'000}, {1, 3000}});
  policer.passing(1000);
  const auto before = policer.state(2);
  EXPECT_EQ(policer.verdict(1000), TC_ACT_SHOT);
  EXPECT_EQ(policer.state(2), before);
}

}  // namespace
}  // namespace netlink
