#include "container/plan_security.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "container/apparmor.hpp"
#include "container/process_label.hpp"
#include "container/security.hpp"

namespace container {
namespace {

using domain_xml::DomainDefinition;
using domain_xml::SecurityLabel;
using domain_xml::SecurityLabelType;
using testing::HasSubstr;

constexpr const char* kUuid = "6f1c3a5e-0000-1111-2222-333344445555";
constexpr const char* kOwn = "lxcell-6f1c3a5e-0000-1111-2222-333344445555";
constexpr const char* kStack = "lxcell-6f1c3a5e-0000-1111-2222-333344445555//&lxcell-container";

DomainDefinition domain(std::vector<SecurityLabel> labels = {}) {
  DomainDefinition definition;
  definition.name = "web";
  definition.uuid = *base::parse_uuid(kUuid);
  definition.security_labels = std::move(labels);
  return definition;
}

SecurityFacts apparmor() {
  return {.model = "apparmor"};
}

SecurityFacts selinux() {
  return {.model = "selinux",
          .process_context = "system_u:system_r:svirt_lxc_net_t:s0",
          .file_context = "system_u:object_r:svirt_sandbox_file_t:s0",
          .categories = "c10,c20"};
}

std::string refusal(const DomainDefinition& definition, const SecurityFacts& facts) {
  try {
    plan_label(definition, facts);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::ConfigUnsupported);
    return error.detail();
  }
  return "";
}

TEST(PlanLabel, WithoutSeclabelADomainIsConfinedByAProfileOfItsOwnAndTheSharedOne) {
  const LabelPlan plan = plan_label(domain(), apparmor());
  EXPECT_EQ(plan.type, SecurityLabelType::Dynamic);
  EXPECT_EQ(plan.label, kStack);
  EXPECT_EQ(plan.image_label, kStack);
  EXPECT_EQ(plan.own_profile, kOwn);
}

TEST(PlanLabel, AStackIsNamedInTheOrderOfTheKernel) {
  auto late = domain();
  late.uuid = *base::parse_uuid("f0000000-0000-1111-2222-333344445555");
  EXPECT_EQ(plan_label(late, apparmor()).label, "lxcell-container//&lxcell-f0000000-0000-1111-2222-333344445555");
}

TEST(PlanLabel, TypeNoneIsUnconfined) {
  EXPECT_FALSE(plan_label(domain({{.type = SecurityLabelType::None, .model = "apparmor"}}), apparmor()).confined());
}

TEST(PlanLabel, TheDefaultIsTheAdministrators) {
  SecurityFacts facts = apparmor();
  facts.default_confined = false;
  EXPECT_FALSE(plan_label(domain(), facts).confined());
  EXPECT_TRUE(plan_label(domain({{.type = SecurityLabelType::Dynamic, .model = "apparmor", .relabel = true}}), facts)
                  .confined());
}

TEST(PlanLabel, UnconfinedIsRefusedWhereConfinementIsRequired) {
  SecurityFacts facts = apparmor();
  facts.require_confined = true;
  EXPECT_EQ(refusal(domain(), facts), "");
  EXPECT_EQ(refusal(domain({{.type = SecurityLabelType::None, .model = "apparmor"}}), facts),
            "unconfined domains are not allowed on this host: 'web'");
  facts.problem = "cannot run apparmor_parser";
  EXPECT_EQ(refusal(domain(), facts),
            "unconfined domains are not allowed on this host: 'web': cannot run apparmor_parser");
  EXPECT_EQ(refusal(domain(), {.require_confined = true}), "unconfined domains are not allowed on this host: 'web'");
}

TEST(PlanLabel, WhereConfiningFailsTheDefaultIsAWarningAndWhatWasAskedForARefusal) {
  SecurityFacts facts = apparmor();
  facts.problem = "cannot run apparmor_parser";
  const LabelPlan plan = plan_label(domain(), facts);
  EXPECT_FALSE(plan.confined());
  EXPECT_EQ(plan.warning, "cannot run apparmor_parser");
  EXPECT_EQ(refusal(domain({{.type = SecurityLabelType::Dynamic, .model = "apparmor"}}), facts),
            "domain 'web' cannot be confined: cannot run apparmor_parser");
}

TEST(PlanLabel, AStaticLabelIsTakenAsItIs) {
  const LabelPlan plan =
      plan_label(domain({{.type = SecurityLabelType::Static, .model = "apparmor", .label = "my-profile"}}), apparmor());
  EXPECT_EQ(plan.label, "my-profile");
  EXPECT_EQ(plan.own_profile, "");
}

TEST(PlanLabel, AStaticLabelOfAModelTheHostLacksIsRefused) {
  const DomainDefinition fixed =
      domain({{.type = SecurityLabelType::Static, .model = "selinux", .label = "system_u:system_r:x_t:s0"}});
  EXPECT_THAT(refusal(fixed, apparmor()), HasSubstr("no security driver for model 'selinux'"));
  EXPECT_THAT(refusal(fixed, {}), HasSubstr("no security driver for model 'selinux'"));
  EXPECT_EQ(refusal(domain({{.type = SecurityLabelType::Static, .model = "dac", .label = "+0:+0"}}), {}), "");
  EXPECT_EQ(refusal(domain({{.type = SecurityLabelType::Dynamic, .model = "selinux"}}), {}), "");
}

TEST(PlanLabel, AppArmorHasNoBaseLabels) {
  EXPECT_THAT(
      refusal(domain({{.type = SecurityLabelType::Dynamic, .model = "apparmor", .base_label = "x"}}), apparmor()),
      HasSubstr("knows no base label"));
}

TEST(PlanLabel, SelinuxLabelsHaveTheCategoriesOfTheContainer) {
  const LabelPlan plan = plan_label(domain(), selinux());
  EXPECT_EQ(plan.label, "system_u:system_r:svirt_lxc_net_t:s0:c10,c20");
  EXPECT_EQ(plan.image_label, "system_u:object_r:svirt_sandbox_file_t:s0:c10,c20");
  EXPECT_EQ(plan.own_profile, "");
  const auto based = domain({{.type = SecurityLabelType::Dynamic, .model = "selinux", .base_label = "u:r:my_t:s0"}});
  EXPECT_EQ(plan_label(based, selinux()).label, "u:r:my_t:s0:c10,c20");
}

TEST(PlanLabel, FilesOfAStaticSelinuxLabelHaveItsCategories) {
  SecurityLabel given{
      .type = SecurityLabelType::Static, .model = "selinux", .label = "system_u:system_r:my_t:s0:c1,c7"};
  EXPECT_EQ(plan_label(domain({given}), selinux()).image_label, "system_u:object_r:svirt_sandbox_file_t:s0:c1,c7");
  given.label = "system_u:system_r:my_t";  // of a policy without levels
  EXPECT_EQ(plan_label(domain({given}), selinux()).image_label, "");
  given.image_label = "system_u:object_r:my_file_t:s0";
  EXPECT_EQ(plan_label(domain({given}), selinux()).image_label, "system_u:object_r:my_file_t:s0");
}

TEST(PlanSecurity, AppArmorIsAskedForByItsOwnFile) {
  ContainerPlan plan;
  plan_security(plan, plan_label(domain(), apparmor()));
  EXPECT_EQ(plan.security_file, "/proc/thread-self/attr/apparmor/exec");
  EXPECT_EQ(plan.security_label, std::string("exec ") + kStack);
  EXPECT_EQ(plan.devpts_options, "");
}

TEST(PlanSecurity, SelinuxContextsGoToTheContainersOwnFileSystems) {
  ContainerPlan plan;
  plan.dev_options = "mode=755";
  plan.mounts = {{.kind = MountKind::Filesystem, .target = "/tmp", .fstype = "tmpfs"},
                 {.kind = MountKind::Filesystem, .target = "/proc", .fstype = "proc"},
                 {.kind = MountKind::Bind, .source = "/srv", .target = "/srv"}};
  plan_security(plan, plan_label(domain(), selinux()));
  const std::string context = "context=\"system_u:object_r:svirt_sandbox_file_t:s0:c10,c20\"";
  EXPECT_EQ(plan.security_file, "/proc/thread-self/attr/exec");
  EXPECT_EQ(plan.security_label, "system_u:system_r:svirt_lxc_net_t:s0:c10,c20");
  EXPECT_EQ(plan.dev_options, "mode=755," + context);
  EXPECT_EQ(plan.devpts_options, context);
  EXPECT_EQ(plan.mounts[0].options, context);
  EXPECT_EQ(plan.mounts[1].options, "");
  EXPECT_EQ(plan.mounts[2].options, "");
}

TEST(PlanSecurity, NothingIsAskedForAnUnconfinedContainer) {
  ContainerPlan plan;
  plan_security(plan, plan_label(domain(), {}));
  EXPECT_EQ(plan, ContainerPlan());
}

TEST(ShowLabel, TheLiveDefinitionHasTheLabelWhetherItWasAskedForOrNot) {
  auto silent = domain();
  show_label(silent, plan_label(silent, apparmor()));
  ASSERT_EQ(silent.security_labels.size(), 1u);
  EXPECT_EQ(silent.security_labels[0].label, kStack);
  EXPECT_FALSE(silent.security_labels[0].relabel);
  auto asked = domain({{.type = SecurityLabelType::Dynamic, .model = "apparmor", .relabel = true}});
  show_label(asked, plan_label(asked, apparmor()));
  ASSERT_EQ(asked.security_labels.size(), 1u);
  EXPECT_EQ(asked.security_labels[0].image_label, kStack);
}

TEST(LxcContexts, AreReadFromThePolicysFile) {
  const auto contexts = parse_lxc_contexts(
      "# comment\nprocess = \"system_u:system_r:container_t:s0\"\ncontent = \"x\"\n"
      "file=\"system_u:object_r:container_file_t:s0\"\nprocess_other = \"y\"\n");
  EXPECT_EQ(contexts.process, "system_u:system_r:container_t:s0");
  EXPECT_EQ(contexts.file, "system_u:object_r:container_file_t:s0");
  EXPECT_EQ(parse_lxc_contexts("process = unquoted\nfile").process, "");
}

TEST(McsCategories, AreOfOneContainerAtATime) {
  McsCategories categories;
  const base::Uuid first = *base::parse_uuid(kUuid), second = base::Uuid::random();
  const std::string pair = categories.take(first);
  EXPECT_EQ(categories.take(first), pair);
  EXPECT_NE(categories.take(second), pair);
  unsigned low = 0, high = 0;
  ASSERT_EQ(std::sscanf(pair.c_str(), "c%u,c%u", &low, &high), 2) << pair;
  EXPECT_LT(low, high);
  EXPECT_LT(high, 1024u);
}

TEST(McsCategories, OneThatRunsFromBeforeKeepsIts) {
  McsCategories before, after;
  const base::Uuid uuid = *base::parse_uuid(kUuid);
  const std::string pair = before.take(uuid);
  after.keep(base::Uuid::random(), "system_u:system_r:svirt_lxc_net_t:s0:" + pair);
  EXPECT_NE(after.take(uuid), pair);
}

TEST(ProcessLabel, AppArmorSaysTheModeBehindIt) {
  EXPECT_EQ(parse_apparmor_label("a//&b (enforce)"), (ProcessLabel{"a//&b", true}));
  EXPECT_EQ(parse_apparmor_label("a (complain)"), (ProcessLabel{"a", false}));
  EXPECT_EQ(parse_apparmor_label("unconfined"), (ProcessLabel{"unconfined", false}));
}

TEST(FindSecurityModel, UnknownDriversAreRefused) {
  EXPECT_EQ(find_security_model("none"), "none");
  EXPECT_THROW(find_security_model("smack"), base::Error);
}

}  // namespace
}  // namespace container
