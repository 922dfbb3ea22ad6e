#include "container/plan_security.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace container {
namespace {

using base::Code;
using domain_xml::DomainDefinition;
using domain_xml::SecurityLabel;
using domain_xml::SecurityLabelType;

// The profile every container has, in container/apparmor.
constexpr const char* kSharedProfile = "lxcell-container";

/// A label that says what shall hold must not be passed over because this host has another model.
void refuse_static_labels_of_others(const DomainDefinition& definition, const std::string& model) {
  for (const SecurityLabel& label : definition.security_labels) {
    const bool meant = label.model == "apparmor" || label.model == "selinux";
    if (meant && label.model != model && label.type == SecurityLabelType::Static)
      base::fail(Code::ConfigUnsupported, "no security driver for model '", label.model, "', which domain '",
                 definition.name, "' has a label of");
  }
}

LabelPlan unconfined(const DomainDefinition& definition, const SecurityFacts& facts, std::string why) {
  if (facts.require_confined)
    base::fail(Code::ConfigUnsupported, "unconfined domains are not allowed on this host: '", definition.name, "'",
               why.empty() ? "" : ": ", why);
  return {.model = facts.model, .warning = std::move(why)};
}

/// "user:role:type:s0" with "c1,c2" at its end.
std::string with_categories(const std::string& context, const std::string& categories) {
  return categories.empty() ? context : context + ":" + categories;
}

/// Where "s0:c1,c2" begins in "user:role:type:s0:c1,c2"; npos in a context without one.
std::size_t range_at(const std::string& context) {
  std::size_t at = 0;
  for (int colons = 0; colons < 3; ++colons) {
    at = context.find(':', at);
    if (at == std::string::npos) return at;
    ++at;
  }
  return at;
}

/// `context` at the level and with the categories of `label`; empty if one of them has none.
std::string with_range_of(const std::string& context, const std::string& label) {
  const std::size_t own = range_at(context), other = range_at(label);
  if (own == std::string::npos || other == std::string::npos) return "";
  return context.substr(0, own) + label.substr(other);
}

/// What is made for the container must be open to it, so it has a file context even if the definition names none.
LabelPlan static_label(const SecurityLabel& given, const SecurityFacts& facts) {
  LabelPlan plan{.model = facts.model, .type = given.type, .label = given.label, .image_label = given.image_label};
  if (facts.model == "selinux" && plan.image_label.empty())
    plan.image_label = with_range_of(facts.file_context, given.label);
  return plan;
}

/// Both hold. The kernel names them in this order.
std::string stack(std::string one, std::string other) {
  if (other < one) std::swap(one, other);
  return one + "//&" + other;
}

LabelPlan dynamic_label(const DomainDefinition& definition, const SecurityFacts& facts, const std::string& base) {
  LabelPlan plan{.model = facts.model, .type = SecurityLabelType::Dynamic};
  if (facts.model == "apparmor") {
    if (!base.empty())
      base::fail(Code::ConfigUnsupported, "AppArmor knows no base label, which domain '", definition.name, "' has");
    plan.own_profile = own_profile_name(definition.uuid);
    plan.label = stack(plan.own_profile, kSharedProfile);
    plan.image_label = plan.label;
  } else {
    plan.label = with_categories(base.empty() ? facts.process_context : base, facts.categories);
    plan.image_label = with_categories(facts.file_context, facts.categories);
  }
  return plan;
}

void add_context(std::string& options, const std::string& context) {
  options += (options.empty() ? "context=\"" : ",context=\"") + context + "\"";
}

/// New file systems without labels of their own.
void add_context(MountStep& step, const std::string& context) {
  if (step.kind == MountKind::Filesystem && step.fstype == "tmpfs") add_context(step.options, context);
}

}  // namespace

std::string own_profile_name(const base::Uuid& uuid) {
  return "lxcell-" + base::format_uuid(uuid);
}

const SecurityLabel* find_label(const DomainDefinition& definition, const std::string& model) {
  const auto& labels = definition.security_labels;
  const auto found = std::ranges::find(labels, model, &SecurityLabel::model);
  return found == labels.end() ? nullptr : &*found;
}

LabelPlan plan_label(const DomainDefinition& definition, const SecurityFacts& facts) {
  refuse_static_labels_of_others(definition, facts.model);
  if (facts.model == "none") return unconfined(definition, facts, "");
  const SecurityLabel* const given = find_label(definition, facts.model);
  if (given ? given->type == SecurityLabelType::None : !facts.default_confined)
    return unconfined(definition, facts, "");
  if (given && given->type == SecurityLabelType::Static) return static_label(*given, facts);
  if (facts.problem.empty()) return dynamic_label(definition, facts, given ? given->base_label : "");
  if (given) base::fail(Code::ConfigUnsupported, "domain '", definition.name, "' cannot be confined: ", facts.problem);
  return unconfined(definition, facts, facts.problem);
}

void plan_security(ContainerPlan& plan, const LabelPlan& label) {
  if (!label.confined()) return;
  if (label.model == "apparmor") {
    plan.security_file = "/proc/thread-self/attr/apparmor/exec";
    plan.security_label = "exec " + label.label;
    return;
  }
  plan.security_file = "/proc/thread-self/attr/exec";
  plan.security_label = label.label;
  if (label.image_label.empty()) return;
  add_context(plan.dev_options, label.image_label);
  add_context(plan.devpts_options, label.image_label);
  for (MountStep& step : plan.mounts) add_context(step, label.image_label);
}

void label_step(MountStep& step, const DomainDefinition& live) {
  const SecurityLabel* const label = find_label(live, "selinux");
  if (label && !label->image_label.empty()) add_context(step, label->image_label);
}

void show_label(DomainDefinition& live, const LabelPlan& plan) {
  if (!plan.confined()) return;
  const bool given = find_label(live, plan.model) != nullptr;
  if (!given) live.security_labels.push_back({.type = plan.type, .model = plan.model});
  for (SecurityLabel& label : live.security_labels) {
    if (label.model != plan.model) continue;
    label.label = plan.label;
    label.image_label = plan.image_label;
  }
}

}  // namespace container
