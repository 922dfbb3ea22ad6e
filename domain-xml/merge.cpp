#include "domain-xml/merge.hpp"

#include <map>

namespace domain_xml {

namespace {

void move_children(const Node& from, const Node& to) {
  while (from.raw()->children != nullptr) {
    xmlNode* const child = from.raw()->children;
    xmlUnlinkNode(child);
    xmlAddChild(to.raw(), child);
  }
}

void replace_attributes(const Node& of, const Node& with) {
  while (of.raw()->properties != nullptr) xmlRemoveProp(of.raw()->properties);
  for (const xmlAttr* attribute = with.raw()->properties; attribute != nullptr; attribute = attribute->next)
    if (attribute->ns == nullptr)
      xmlSetProp(of.raw(), attribute->name,
                 reinterpret_cast<const xmlChar*>(
                     with.attribute_text(reinterpret_cast<const char*>(attribute->name)).c_str()));
}

enum class Attributes { OfFirst, OfLast };

/// The emptied elements stay where they are: what was in them may use a namespace that they declare.
void merge_into_first(const std::vector<Node>& nodes, Attributes attributes) {
  std::map<std::string, Node> firsts;
  for (const Node& node : nodes) {
    const auto [first, is_new] = firsts.try_emplace(node.name(), node);
    if (is_new) continue;
    move_children(node, first->second);
    if (attributes == Attributes::OfLast) replace_attributes(first->second, node);
  }
}

}  // namespace

void merge_repeated(const Node& domain) {
  for (const char* name : {"os", "idmap", "features", "devices", "memtune", "blkiotune", "cputune", "memoryBacking",
                           "clock", "pm", "perf", "iothreadids", "keywrap"})
    merge_into_first(domain.children(name), Attributes::OfFirst);
  const Node features = domain.child("features");
  merge_into_first(features.children(), Attributes::OfLast);
  for (const char* name : {"hyperv", "kvm", "xen", "capabilities"})
    merge_into_first(features.child(name).children(), Attributes::OfLast);
}

}  // namespace domain_xml
