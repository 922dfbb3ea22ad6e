// Security labels, and the namespaces shared with others.
#include <set>

#include "base/error.hpp"
#include "domain-xml/names.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

std::optional<bool> parse_relabel(const Node& node, SecurityLabelType type) {
  const auto given = yes_no_attribute(node, "relabel");
  if (type == SecurityLabelType::None && given == true)
    fail_from(From::Domain, Code::ConfigUnsupported, "a security label of type 'none' cannot relabel");
  if (type == SecurityLabelType::Dynamic && given == false)
    fail_from(From::Domain, Code::ConfigUnsupported, "a security label of type 'dynamic' must relabel");
  if (type == SecurityLabelType::None) return std::nullopt;
  return given.value_or(type == SecurityLabelType::Dynamic);
}

SecurityLabel parse_security_label(const Node& node, SecurityLabelType type, Source source) {
  SecurityLabel label{.type = type, .model = node.attribute_text("model"), .relabel = parse_relabel(node, type)};
  if (label.model.empty() && type == SecurityLabelType::Static)
    fail_from(From::Domain, Code::XmlError, "a security label of type 'static' needs a model");
  // The host's "none" model knows no labels, so all of its types come to the same.
  if (label.model == "none") return {.type = SecurityLabelType::None, .model = "none"};
  if (type == SecurityLabelType::Static || source == Source::Status) label.label = node.child("label").text();
  if (type == SecurityLabelType::Static && label.label.empty())
    fail_from(From::Domain, Code::XmlError, "a security label of type 'static' needs a label");
  if (type == SecurityLabelType::Dynamic) label.base_label = node.child("baselabel").text();
  if (source == Source::Status) label.image_label = node.child("imagelabel").text();
  return label;
}

std::optional<SharedNamespace> parse_shared_namespace(const Node& node) {
  const auto type = node.attribute("type"), value = node.attribute("value");
  if (!type || !value)
    fail_from(From::Lxc, Code::InternalError, "element '", node.name(),
              "' of 'lxc:namespace' needs 'type' and 'value'");
  if (*type == "none") return std::nullopt;
  const auto from = find_word(kSharedNamespaceSources, *type);
  if (!from) fail_from(From::Lxc, Code::InternalError, "unknown namespace source '", *type, "'");
  return SharedNamespace{*from, *value};
}

}  // namespace

void parse_security_labels(const Node& domain, DomainDefinition& definition, Source source) {
  auto& labels = definition.security_labels;
  const auto nodes = domain.children("seclabel");
  std::set<std::string> models;
  for (const Node& node : nodes) {
    const std::string model = node.attribute_text("model");
    const auto type = word_attribute(node, "type", kSecurityLabelTypes, SecurityLabelType::Dynamic);
    if (model.empty() && nodes.size() > 1)
      fail_from(From::Domain, Code::XmlError, "one of several security labels has no model");
    if (!node.attribute("type")) {  // asks for the host's default of that model, which needs no label of ours
      if (model.empty()) fail_from(From::Domain, Code::XmlError, "a security label needs a model");
      continue;
    }
    labels.push_back(parse_security_label(node, type, source));
    if (!models.insert(labels.back().model).second)
      fail_from(From::Domain, Code::XmlDetail, "a security label of model '", model, "' is given already");
  }
}

void parse_shared_namespaces(const Node& domain, DomainDefinition& definition) {
  for (const Node& block : domain.all_children()) {
    if (block.name() != "namespace" || block.namespace_uri() != kLxcNamespace) continue;
    // Several blocks count as one.
    for (const Node& node : block.all_children()) {
      const std::string name = node.name();
      if (name == "sharenet")
        definition.shared_net = parse_shared_namespace(node);
      else if (name == "shareipc")
        definition.shared_ipc = parse_shared_namespace(node);
      else if (name == "shareuts")
        definition.shared_uts = parse_shared_namespace(node);
      else
        fail_from(From::Lxc, Code::ConfigUnsupported, "unknown element '", name, "' in 'lxc:namespace'");
    }
  }
}

}  // namespace domain_xml
