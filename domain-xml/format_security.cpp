#include "domain-xml/format_parts.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

void write_security_label(Writer& writer, const SecurityLabel& label, View view) {
  // Of the driver's own making while the domain runs: parsing always says what relabel is.
  const bool implied = label.type == SecurityLabelType::Dynamic && !label.relabel;
  if (implied && view == View::Inactive) return;
  writer.open("seclabel").attribute("type", word_for(kSecurityLabelTypes, label.type));
  writer.attribute_if("model", label.model);
  if (label.relabel || implied) writer.attribute("relabel", label.relabel.value_or(true) ? "yes" : "no");
  if (label.type == SecurityLabelType::Static || view != View::Inactive) writer.leaf_if("label", label.label);
  if (view != View::Inactive) writer.leaf_if("imagelabel", label.image_label);
  writer.leaf_if("baselabel", label.base_label);
  writer.close();
}

bool has_shared_namespaces(const DomainDefinition& definition) {
  return definition.shared_net || definition.shared_ipc || definition.shared_uts;
}

void write_shared_namespaces(Writer& writer, const DomainDefinition& definition) {
  if (!has_shared_namespaces(definition)) return;
  const auto write = [&](const char* name, const std::optional<SharedNamespace>& shared) {
    if (!shared) return;
    writer.open(name).attribute("type", word_for(kSharedNamespaceSources, shared->from));
    writer.attribute("value", shared->value).close();
  };
  writer.open("lxc:namespace");
  write("lxc:sharenet", definition.shared_net);
  write("lxc:shareipc", definition.shared_ipc);
  write("lxc:shareuts", definition.shared_uts);
  writer.close();
}

}  // namespace domain_xml
