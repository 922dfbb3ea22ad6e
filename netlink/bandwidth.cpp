#include "netlink/bandwidth.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/error.hpp"
#include "netlink/builder.hpp"
#include "netlink/link.hpp"

namespace netlink {
namespace {

using base::Code;

// tc(8)'s names: the root queue "1:", its only class "1:1", the queue in that "2:"; the ingress is always "ffff:".
constexpr std::uint32_t kShaper = 0x00010000, kClass = 0x00010001, kLeaf = 0x00020000, kIngress = 0xFFFF0000;

/// Depth of a bucket nobody has given a depth, as time at full speed. What is dropped comes again after a
/// retransmission timeout (200 ms), and what flows meanwhile must not be lost to the sender; what is queued needs no
/// such thing.
constexpr std::uint64_t kPolicedDepthMilliseconds = 250, kShapedDepthMilliseconds = 10;
constexpr std::uint64_t kLeastDepth = 65536;  // the largest packet that segmentation offload makes

std::uint64_t bytes_per_second(std::uint64_t kilobytes) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max() / 1000;
  return std::min(kilobytes, kMost) * 1000;
}

std::uint64_t depth_bytes(std::optional<std::uint64_t> kibibytes, std::uint64_t rate, std::uint64_t milliseconds) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max() / 1024;
  if (kibibytes) return std::min(*kibibytes, kMost) * 1024;
  return std::max(kLeastDepth, rate / 1000 * milliseconds);
}

bool limits(const std::optional<BandwidthRate>& rate) {
  return rate && rate->average > 0;
}

Builder request(int type, int flags, int link_index, std::uint32_t handle, std::uint32_t parent, const char* kind) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = link_index;
  header.tcm_handle = handle;
  header.tcm_parent = parent;
  Builder builder(type, flags);
  builder.header(header);
  if (kind) builder.text(TCA_KIND, kind);
  return builder;
}

/// How long `bytes` take at that rate, in the packet scheduler's ticks of 64 ns (/proc/net/psched, since 2.6.31).
std::uint32_t ticks(std::uint64_t bytes, std::uint64_t bytes_per_second) {
  const double exact = static_cast<double>(bytes) * 1e9 / 64 / static_cast<double>(bytes_per_second);
  constexpr double kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::clamp(exact, 1.0, kMost));
}

tc_ratespec rate_spec(std::uint64_t bytes_per_second) {
  tc_ratespec spec{};
  spec.linklayer = TC_LINKLAYER_ETHERNET;  // said outright, the kernel wants no table of times per packet size
  spec.rate =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes_per_second, std::numeric_limits<std::uint32_t>::max()));
  return spec;
}

int index_of(Socket& socket, const std::string& link) {
  const auto index = find_link(socket, link);
  if (!index) base::fail_errno_value(ENODEV, Code::SystemError, "cannot limit network device '", link, "'");
  return *index;
}

/// True if it was made, false if there was one.
bool add_unless_there(Socket& socket, const Message& message, const std::string& what) {
  const Outcome outcome = socket.exchange(message.get());
  if (outcome.error == 0 || outcome.error == EEXIST) return outcome.error == 0;
  base::fail_errno_value(outcome.error, Code::SystemError, what, outcome.text.empty() ? "" : " (" + outcome.text + ")");
}

/// A link without a queue of ours says ENOENT or, about its ingress, EINVAL.
void remove_if_there(Socket& socket, const Message& message, const std::string& what) {
  const Outcome outcome = socket.exchange(message.get());
  if (outcome.error != 0 && outcome.error != ENOENT && outcome.error != EINVAL)
    base::fail_errno_value(outcome.error, Code::SystemError, what);
}

void set_sent(Socket& socket, const std::string& link, const std::optional<BandwidthRate>& rate) {
  const int index = index_of(socket, link);
  const std::string what = base::join("cannot limit what network device '", link, "' sends");
  if (!limits(rate)) return remove_if_there(socket, remove_shaper_message(index), what);
  const bool made = add_unless_there(socket, add_shaper_message(index), what);
  socket.request(shaper_class_message(index, *rate).get(), what);
  if (!made) return;
  const Outcome leaf = socket.exchange(shaper_leaf_message(index).get());
  if (leaf.error != 0 && leaf.error != ENOENT)  // a kernel without fq_codel leaves a plain queue in the class
    base::fail_errno_value(leaf.error, Code::SystemError, what);
}

void set_received(Socket& socket, const std::string& link, const std::optional<BandwidthRate>& rate) {
  const int index = index_of(socket, link);
  const std::string what = base::join("cannot limit what network device '", link, "' receives");
  if (!limits(rate)) return remove_if_there(socket, remove_ingress_message(index), what);
  const base::Fd program = load_policer(token_buckets(*rate));
  add_unless_there(socket, add_ingress_message(index), what);
  socket.request(police_message(index, program.get()).get(), what);
}

}  // namespace

std::vector<TokenBucket> token_buckets(const BandwidthRate& rate) {
  std::vector<TokenBucket> buckets;
  const auto add = [&](std::uint64_t kilobytes, std::optional<std::uint64_t> depth, std::uint64_t milliseconds) {
    const std::uint64_t bytes = bytes_per_second(kilobytes);
    buckets.push_back({bytes, depth_bytes(depth, bytes, milliseconds)});
  };
  if (rate.peak) add(*rate.peak, std::nullopt, kPolicedDepthMilliseconds);
  add(rate.average, rate.burst, kPolicedDepthMilliseconds);
  return buckets;
}

Message add_shaper_message(int link_index) {
  Builder builder = request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, link_index, kShaper, TC_H_ROOT, "htb");
  tc_htb_glob options{};
  options.version = TC_HTB_PROTOVER;
  options.rate2quantum = 10;
  options.defcls = TC_H_MIN(kClass);
  nlattr* nest = builder.open(TCA_OPTIONS);
  builder.bytes(TCA_HTB_INIT, &options, sizeof options);
  builder.close(nest);
  return builder.take();
}

/// A class without a parent sends at `ceil` while it has tokens of `rate`: libvirt's burst at peak speed.
Message shaper_class_message(int link_index, const BandwidthRate& rate) {
  const std::uint64_t average = bytes_per_second(rate.average);
  const std::uint64_t peak = rate.peak ? bytes_per_second(*rate.peak) : average;
  tc_htb_opt options{};
  options.rate = rate_spec(average);
  options.ceil = rate_spec(peak);
  options.buffer = ticks(depth_bytes(rate.burst, average, kShapedDepthMilliseconds), average);
  options.cbuffer = rate.peak ? ticks(depth_bytes(std::nullopt, peak, kShapedDepthMilliseconds), peak) : options.buffer;
  options.quantum = kLeastDepth;  // of no meaning to a single class, but unset it may be warned about
  Builder builder = request(RTM_NEWTCLASS, NLM_F_CREATE | NLM_F_REPLACE, link_index, kClass, kShaper, "htb");
  nlattr* nest = builder.open(TCA_OPTIONS);
  builder.bytes(TCA_HTB_PARMS, &options, sizeof options);
  if (average > options.rate.rate) builder.bytes(TCA_HTB_RATE64, &average, sizeof average);
  if (peak > options.ceil.rate) builder.bytes(TCA_HTB_CEIL64, &peak, sizeof peak);
  builder.close(nest);
  return builder.take();
}

Message shaper_leaf_message(int link_index) {
  return request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, link_index, kLeaf, kClass, "fq_codel").take();
}

Message remove_shaper_message(int link_index) {
  return request(RTM_DELQDISC, 0, link_index, 0, TC_H_ROOT, nullptr).take();
}

Message add_ingress_message(int link_index) {
  return request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, link_index, kIngress, TC_H_INGRESS, "ingress").take();
}

/// Put in place of the filter before it, if any, between two packets.
Message police_message(int link_index, int program) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = link_index;
  header.tcm_handle = 1;
  header.tcm_parent = kIngress;
  constexpr std::uint32_t kPriority = 1;
  header.tcm_info = TC_H_MAKE(kPriority << 16, htons(ETH_P_ALL));
  Builder builder(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE);
  builder.header(header).text(TCA_KIND, "bpf");
  nlattr* nest = builder.open(TCA_OPTIONS);
  builder.number(TCA_BPF_FD, static_cast<std::uint32_t>(program)).text(TCA_BPF_NAME, "lxcell_police");
  builder.number(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
  builder.close(nest);
  return builder.take();
}

Message remove_ingress_message(int link_index) {
  return request(RTM_DELQDISC, 0, link_index, 0, TC_H_INGRESS, nullptr).take();
}

void set_bandwidth(Socket& socket, const std::string& host_link, const Bandwidth& bandwidth) {
  set_sent(socket, host_link, bandwidth.inbound);
  set_received(socket, host_link, bandwidth.outbound);
}

void set_bandwidth_inside(Socket& socket, const std::string& guest_link, const Bandwidth& bandwidth) {
  set_sent(socket, guest_link, bandwidth.outbound);
  set_received(socket, guest_link, bandwidth.inbound);
}

}  // namespace netlink
