// Which security label a container's init gets. Pure: from the definition and what this host can do.
#pragma once

#include <string>

#include "container/plan.hpp"
#include "domain-xml/definition.hpp"

namespace container {

/// What the host can do about labels, and what its administrator wants.
struct SecurityFacts {
  std::string model = "none";  // or "apparmor", "selinux"
  bool default_confined = true;
  bool require_confined = false;
  std::string problem;  // why no label can be given here; empty if one can
  // SELinux only: contexts without the categories of one container, and those.
  std::string process_context, file_context, categories;
};

struct LabelPlan {
  std::string model;
  domain_xml::SecurityLabelType type = domain_xml::SecurityLabelType::None;
  std::string label, image_label;  // empty for an unconfined container
  std::string own_profile;         // AppArmor: the profile to be made for this domain, else empty
  std::string warning;             // for the log: why it is not confined, although it should be

  bool confined() const { return !label.empty(); }
  bool operator==(const LabelPlan&) const = default;
};

/// Throws ConfigUnsupported for a label that cannot be given, and for an unconfined container where none may be.
LabelPlan plan_label(const domain_xml::DomainDefinition& definition, const SecurityFacts& facts);

/// The label of `definition` for the host's `model`; nullptr if it says nothing about it.
const domain_xml::SecurityLabel* find_label(const domain_xml::DomainDefinition& definition, const std::string& model);

/// "lxcell-UUID", the AppArmor profile that only this domain has.
std::string own_profile_name(const base::Uuid& uuid);

/// What init writes where just before it is executed, and the context= of file systems made for the container.
void plan_security(ContainerPlan& plan, const LabelPlan& label);

/// The label in the definition of the running container; one that the definition did not ask for is without relabel.
/// As plan_security() does it for a step that comes later, to a container whose labels `live` shows.
void label_step(MountStep& step, const domain_xml::DomainDefinition& live);
void show_label(domain_xml::DomainDefinition& live, const LabelPlan& label);

}  // namespace container
