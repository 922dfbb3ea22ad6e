// Whose ids and powers the container has.
#include <gmock/gmock.h>
#include <sched.h>

#include "base/error.hpp"
#include "container/plan_container.hpp"
#include "container/plan_fixture.hpp"

namespace container {
namespace {

using namespace plans;
using domain_xml::DomainDefinition;
using testing::HasSubstr;
using testing::Not;

TEST(Plan, IdMapsShiftARootOwnedTree) {
  auto definition = web();
  definition.idmap.uids = {{1000, 5000, 1}, {0, 100000, 1000}};
  definition.idmap.gids = {{0, 200000, 1000}};
  const auto text = plan_text(definition);
  EXPECT_THAT(text, HasSubstr("namespaces cgroup ipc mnt net pid user uts\n"));
  EXPECT_THAT(text, HasSubstr("uid map 0 100000 1000\nuid map 1000 5000 1\ngid map 0 200000 1000\n"));
  EXPECT_THAT(text, HasSubstr("root /srv/web idmapped\n"));
  EXPECT_THAT(text, HasSubstr(",gid=200005\n"));
  const auto plan = plan_container(definition, v2_host(), {});
  EXPECT_EQ(plan.root_uid, 100000u);
  EXPECT_EQ(plan.root_gid, 200000u);
}

TEST(Plan, GidFiveAtTheStartOfARange_N15) {
  auto definition = web();
  definition.idmap.uids = {{0, 100000, 1000}};
  definition.idmap.gids = {{0, 100000, 1}, {5, 300000, 1}};
  EXPECT_THAT(plan_text(definition), HasSubstr(",gid=300000\n"));
  definition.idmap.gids = {{0, 100000, 5}};
  EXPECT_THAT(plan_text(definition), Not(HasSubstr(",gid=")));  // there is none
}

/// Everything over which a container's root may have power is the container's then.
TEST(Plan, UserNamespaceUnlessTheHostsPowersAreAskedFor_S12) {
  const auto has_one = [](const DomainDefinition& definition, const HostFacts& facts = v2_host(),
                          const UnsafeDefaults& unsafe = {}) {
    const auto plan = plan_container(definition, facts, unsafe);
    EXPECT_EQ(plan.uid_map, plan.gid_map);
    EXPECT_EQ((plan.namespaces & CLONE_NEWUSER) != 0, !plan.uid_map.empty());
    EXPECT_EQ(plan.root_uid + plan.root_gid, 0U);
    EXPECT_FALSE(plan.root_idmapped);
    return plan.uid_map == "0 0 4294967295\n";
  };
  EXPECT_TRUE(has_one(web()));
  EXPECT_FALSE(has_one(web(), v2_host(), {.share_host_users = true}));
  EXPECT_FALSE(has_one(web(), v2_host(), {.share_host_network = true}));
  auto without = v2_host();
  without.user_namespaces = false;
  EXPECT_FALSE(has_one(web(), without));
  auto definition = web();
  definition.extension.host_ids = true;
  EXPECT_FALSE(has_one(definition));
  definition = web();
  definition.shared_ipc = domain_xml::SharedNamespace{};
  EXPECT_FALSE(has_one(definition));
  definition = web();
  definition.features.capabilities.emplace().states["sys_time"] = true;
  EXPECT_FALSE(has_one(definition));
  definition.features.capabilities->states["sys_time"] = false;
  EXPECT_TRUE(has_one(definition));
}

TEST(Plan, IdMapsWithoutAPrivateNetwork_N10) {
  auto definition = web();
  definition.idmap.uids = definition.idmap.gids = {{0, 100000, 1000}};
  EXPECT_THAT(plan_text(definition, v2_host(), {.share_host_network = true}),
              HasSubstr("bind host /sys on /sys ro,nosuid,nodev,noexec recursive (make directory)\n"));
}

TEST(Plan, TooManyIdMapEntries) {
  auto definition = web();
  definition.idmap.gids = {{0, 100000, 1000}};
  definition.idmap.uids.assign(341, {});
  for (unsigned i = 0; i < 341; ++i) definition.idmap.uids[i] = {i, 100000 + i, 1};
  EXPECT_EQ(refusal(definition).code(), base::Code::InvalidArg);
}

TEST(Plan, CapabilityPolicies) {
  auto definition = web();
  auto& feature = definition.features.capabilities.emplace();
  feature.states = {{"mknod", true}, {"chown", false}};
  EXPECT_THAT(plan_text(definition), HasSubstr("capabilities 0x1fdbdfefffe\n"));
  feature.policy = domain_xml::CapabilityPolicy::Allow;
  EXPECT_THAT(plan_text(definition), HasSubstr("capabilities 0x1fffffffffe\nsystem call filter\n"));
  feature.policy = domain_xml::CapabilityPolicy::Deny;
  EXPECT_THAT(plan_text(definition), HasSubstr("capabilities 0x8000000 inheritable 0x8000000\n"));
  definition.os.init_user = "worker";
  EXPECT_THAT(plan_text(definition), HasSubstr("inheritable 0x8000000 ambient 0x8000000\n"));
  feature.states = {{"no_such", true}};
  EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
}

TEST(Plan, TheKernelLogIsHiddenUnlessItsCapabilityIsAskedFor) {
  auto definition = web();
  EXPECT_THAT(plan_text(definition), HasSubstr("mask /proc/kmsg\n"));
  definition.features.capabilities.emplace().states = {{"syslog", true}};
  EXPECT_THAT(plan_text(definition), Not(HasSubstr("mask /proc/kmsg\n")));
  definition.features.capabilities = {.policy = domain_xml::CapabilityPolicy::Allow, .states = {}};
  EXPECT_THAT(plan_text(definition), Not(HasSubstr("mask /proc/kallsyms\n")));
}

}  // namespace
}  // namespace container
