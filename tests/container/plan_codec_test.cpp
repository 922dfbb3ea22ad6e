#include "container/plan_codec.hpp"

#include <gtest/gtest.h>

#include <random>

#include "base/error.hpp"
#include "container/plan_view.hpp"

namespace container {
namespace {

// How many members an aggregate has: what is added to plan.hpp and forgotten in plan_fields() makes the next test fail.
struct Anything {
  template <typename T>
  operator T() const;
};
template <typename T, typename... Args>
constexpr std::size_t member_count() {
  if constexpr (requires { T{Args{}..., Anything{}}; }) {
    return member_count<T, Args..., Anything>();
  } else {
    return sizeof...(Args);
  }
}

TEST(PlanCodec, KnowsEveryMember) {
  EXPECT_EQ(member_count<ContainerPlan>(), 33U)
      << "a member was added to ContainerPlan: add it to plan_view.hpp and here";
  EXPECT_EQ(member_count<MountStep>(), 11U) << "a member was added to MountStep: add it to plan_view.hpp and here";
  EXPECT_EQ(member_count<DeviceNode>(), 5U) << "a member was added to DeviceNode: add it to plan_view.hpp and here";
  EXPECT_EQ(member_count<OwnView>(), 9U) << "a member was added to OwnView: add it to plan_view.hpp and here";
  EXPECT_EQ(member_count<InitPlan>(), 6U) << "a member was added to InitPlan: add it to plan_view.hpp and here";
  EXPECT_EQ(member_count<MemoryPolicy>(), 2U) << "a member was added to MemoryPolicy: add it to plan_view.hpp and here";
  EXPECT_EQ(member_count<CapabilitySets>(), 3U)
      << "a member was added to CapabilitySets: add it to plan_view.hpp and here";
}

class RandomPlan {
 public:
  explicit RandomPlan(unsigned seed) : random_(seed) {}

  ContainerPlan make() {
    ContainerPlan plan;
    plan.name = text(), plan.hostname = text();
    plan.namespaces = number();
    plan.uid_map = text(), plan.gid_map = text();
    plan.root_uid = small(), plan.root_gid = small();
    plan.root_source = text();
    plan.root_readonly = flag(), plan.root_idmapped = flag(), plan.root_overlay = flag();
    plan.overlay_directory = text(), plan.overlay_options = text();
    for (unsigned n = count(); n > 0; n--) plan.mounts.push_back(mount());
    plan.dev_options = text();
    for (unsigned n = count(); n > 0; n--)
      plan.nodes.push_back({text(), flag() ? 'b' : 'c', small(), small(), small()});
    for (unsigned n = count(); n > 0; n--) plan.links.push_back({text(), text()});
    plan.consoles = small();
    plan.devpts_options = text();
    plan.wait_for_network = flag(), plan.loopback_up = flag();
    plan.capabilities = {number(), number(), number()};
    plan.no_new_privs = flag();
    plan.seccomp = text() + std::string("\0\1\2", 3) + text();
    plan.personality_32bit = flag();
    for (unsigned n = count(); n > 0; n--) plan.resource_limits.push_back({small(), number(), number()});
    plan.own_view = {flag(), text(), small(), text(), text(), small(), text(), small(), text()};
    plan.init = {text(), texts(), texts(), text(), text(), text()};
    plan.memory_policy = {small(), text()};
    plan.security_file = text(), plan.security_label = text();
    return plan;
  }
  std::uint32_t below(std::size_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

 private:
  std::uint64_t number() { return random_(); }
  std::uint32_t small() { return static_cast<std::uint32_t>(random_()); }
  bool flag() { return random_() % 2 == 0; }
  unsigned count() { return below(5); }
  std::string text() {
    std::string result(below(20), ' ');
    for (char& letter : result) letter = static_cast<char>(1 + random_() % 255);
    return result;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> result;
    for (unsigned n = count(); n > 0; n--) result.push_back(text());
    return result;
  }
  MountStep mount() {
    MountStep step;
    step.kind = static_cast<MountKind>(below(6));
    step.source = text(), step.target = text(), step.fstype = text(), step.options = text();
    step.attributes = number();
    step.create = static_cast<CreateTarget>(below(3));
    step.recursive = flag(), step.optional = flag(), step.idmapped = flag();
    step.detachable = flag();
    return step;
  }
  std::mt19937_64 random_;
};

const unsigned char* data(const std::string& bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// Visits everything a view can reach, as the supervisor would.
std::size_t walk(const PlanView& plan) {
  std::size_t size = plan.seccomp.size + plan.memory_policy.nodes.size;
  const auto add = [&size](const char* text) { size += std::strlen(text); };
  for (const char* text : {plan.name, plan.hostname, plan.uid_map, plan.gid_map, plan.root_source, plan.dev_options,
                           plan.devpts_options, plan.init.path, plan.init.directory, plan.init.user, plan.init.group}) {
    add(text);
  }
  for (const MountView& step : plan.mounts) add(step.source), add(step.target), add(step.fstype), add(step.options);
  for (const NodeView& node : plan.nodes) add(node.path);
  for (const LinkView& link : plan.links) add(link.path), add(link.target);
  for (const char* text : plan.init.arguments) add(text);
  for (const char* text : plan.init.environment) add(text);
  return size;
}

TEST(PlanCodec, RoundTripsWhateverThePlanHolds) {
  for (unsigned seed = 0; seed < 500; seed++) {
    const ContainerPlan plan = RandomPlan(seed).make();
    const auto decoded = decode_plan(encode_plan(plan));
    ASSERT_TRUE(decoded.has_value()) << seed;
    ASSERT_TRUE(*decoded == plan) << seed;
  }
}

TEST(PlanCodec, ViewSeesTheSameAsTheValue) {
  ContainerPlan plan = RandomPlan(7).make();
  plan.init.arguments = {"one", "", "three"};
  plan.nodes = {{"net/tun", 'c', 10, 200, 0600}};
  plan.links = {{"fd", "/proc/self/fd"}};
  plan.mounts.assign(2, {});
  plan.mounts[1] = {.kind = MountKind::Bind,
                    .source = "/srv",
                    .target = "/mnt",
                    .attributes = 3,
                    .create = CreateTarget::File,
                    .idmapped = true,
                    .detachable = true};
  const std::string bytes = encode_plan(plan);
  PlanView view;
  ASSERT_TRUE(view_plan(data(bytes), bytes.size(), view));
  EXPECT_EQ(view.name, plan.name);
  EXPECT_EQ(view.capabilities, plan.capabilities);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(view.seccomp.data), view.seccomp.size), plan.seccomp);
  std::vector<std::string> arguments;
  for (const char* text : view.init.arguments) arguments.emplace_back(text);
  EXPECT_EQ(arguments, plan.init.arguments);
  ASSERT_EQ(view.mounts.size(), 2U);
  auto step = view.mounts.begin();
  ++step;
  EXPECT_EQ((*step).kind, MountKind::Bind);
  EXPECT_STREQ((*step).source, "/srv");
  EXPECT_EQ((*step).attributes, 3U);
  EXPECT_EQ((*step).create, CreateTarget::File);
  EXPECT_TRUE((*step).idmapped);
  EXPECT_FALSE((*step).recursive);
  EXPECT_EQ((*view.nodes.begin()).minor, 200U);
  EXPECT_STREQ((*view.links.begin()).target, "/proc/self/fd");
}

TEST(PlanCodec, EveryTruncationIsRefused) {
  const std::string bytes = encode_plan(RandomPlan(3).make());
  for (std::size_t size = 0; size < bytes.size(); size++) {
    // A copy of exactly this size, so that a sanitizer sees any read beyond it.
    const std::vector<unsigned char> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    PlanView view;
    ASSERT_FALSE(view_plan(part.data(), part.size(), view)) << size;
    ASSERT_FALSE(decode_plan(bytes.substr(0, size)).has_value()) << size;
  }
  ASSERT_FALSE(decode_plan(bytes + "x").has_value());
}

TEST(PlanCodec, DamagedBytesNeverReachBeyondTheirEnd) {
  RandomPlan random(11);
  for (int round = 0; round < 2000; round++) {
    std::string bytes = encode_plan(random.make());
    for (unsigned flips = 1 + random.below(4); flips > 0; flips--) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    const std::vector<unsigned char> copy(bytes.begin(), bytes.end());
    PlanView view;
    const bool seen = view_plan(copy.data(), copy.size(), view);
    if (seen) {
      EXPECT_LE(walk(view), copy.size());
    }
    EXPECT_EQ(seen, decode_plan(bytes).has_value());
  }
}

TEST(PlanCodec, TextsWithNulAreNotEncoded) {
  ContainerPlan plan;
  plan.init.path = std::string("/bin/\0sh", 8);
  EXPECT_THROW(encode_plan(plan), base::Error);
}

}  // namespace
}  // namespace container
