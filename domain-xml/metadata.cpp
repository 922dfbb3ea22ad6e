#include "domain-xml/metadata.hpp"

#include <libxml/tree.h>

#include <functional>
#include <memory>
#include <set>

#include "base/error.hpp"
#include "domain-xml/metadata_text.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/writer.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

struct FreeNode {
  void operator()(xmlNode* node) const noexcept { xmlFreeNode(node); }
};
using OwnedNode = std::unique_ptr<xmlNode, FreeNode>;

struct FreeBuffer {
  void operator()(xmlBuffer* buffer) const noexcept { xmlBufferFree(buffer); }
};

const xmlChar* text_of(const std::string& text) {
  return reinterpret_cast<const xmlChar*>(text.c_str());
}

enum class Layout { Compact, Indented };

std::string dump(xmlNode* node, std::size_t depth, Layout layout) {
  const std::unique_ptr<xmlBuffer, FreeBuffer> buffer(xmlBufferCreate());
  if (!buffer || xmlNodeDump(buffer.get(), node->doc, node, static_cast<int>(depth), layout == Layout::Indented) < 0)
    throw std::bad_alloc();
  return {reinterpret_cast<const char*>(xmlBufferContent(buffer.get())),
          static_cast<std::size_t>(xmlBufferLength(buffer.get()))};
}

/// Every element of the tree below and including `node`, parents first.
void for_each_element(xmlNode* node, const std::function<void(xmlNode*)>& call) {
  call(node);
  for (xmlNode* child = node->children; child != nullptr; child = child->next)
    if (child->type == XML_ELEMENT_NODE) for_each_element(child, call);
}

/// Blanks between elements are layout and printed anew; where there is text as well they are content.
void strip_layout(xmlNode* element) {
  bool has_elements = false;
  for (const xmlNode* child = element->children; child != nullptr; child = child->next) {
    if (child->type == XML_ELEMENT_NODE) {
      has_elements = true;
    } else if (child->type == XML_CDATA_SECTION_NODE || (child->type == XML_TEXT_NODE && !xmlIsBlankNode(child))) {
      return;
    }
  }
  if (!has_elements || xmlNodeGetSpacePreserve(element) == 1) return;
  for (xmlNode* child = element->children; child != nullptr;) {
    xmlNode* const next = child->next;
    if (child->type == XML_TEXT_NODE) {
      xmlUnlinkNode(child);
      xmlFreeNode(child);
    }
    child = next;
  }
}

/// A copy that stands alone: namespaces declared further up come with it.
OwnedNode copy_element(const Node& node) {
  OwnedNode copy(xmlDocCopyNode(node.raw(), node.raw()->doc, 1));
  if (!copy) throw std::bad_alloc();
  for_each_element(copy.get(), strip_layout);
  return copy;
}

Document stored_document(const std::string& text) {
  return Document("<metadata>" + text + "</metadata>", "(domain_metadata)");
}

bool has_uri(const xmlNs* ns, const std::string& uri) {
  return ns != nullptr && ns->href != nullptr && xmlStrEqual(ns->href, text_of(uri)) != 0;
}

/// Gives every element that has no namespace the one of `key` and `uri`.
void adopt_namespace(xmlNode* root, const std::string& uri, const std::string& key) {
  if (has_uri(root->ns, uri)) return;
  xmlNs* const ns = xmlNewNs(root, text_of(uri), text_of(key));
  if (ns == nullptr)
    fail_from(From::Xml, Code::InvalidArg, "the prefix '", key,
              "' already stands for another namespace in the element");
  for_each_element(root, [&](xmlNode* element) {
    if (element->ns == nullptr) xmlSetNs(element, ns);
  });
}

void drop_declarations(xmlNode* element, const std::string& uri) {
  for (xmlNs** link = &element->nsDef; *link != nullptr;) {
    xmlNs* const ns = *link;
    if (!has_uri(ns, uri)) {
      link = &ns->next;
      continue;
    }
    *link = ns->next;
    xmlFreeNs(ns);
  }
}

void leave_namespace(xmlNode* root, const std::string& uri) {
  for_each_element(root, [&](xmlNode* element) {
    if (has_uri(element->ns, uri)) element->ns = nullptr;
    for (xmlAttr* attribute = element->properties; attribute != nullptr; attribute = attribute->next)
      if (has_uri(attribute->ns, uri)) attribute->ns = nullptr;
  });
  for_each_element(root, [&](xmlNode* element) { drop_declarations(element, uri); });
}

std::string parse_element(const std::string& xml, const std::string& uri, const std::string& key) {
  if (key.empty() || xmlValidateNCName(text_of(key), 0) != 0)
    fail_from(From::Xml, Code::InvalidArg, "'", key, "' is no prefix for an XML namespace");
  if (uri.empty() || !is_xml_text(uri)) fail_from(From::Xml, Code::InvalidArg, "'", uri, "' is no namespace");
  const Document document(xml, "(metadata_xml)");
  const OwnedNode element = copy_element(document.root());
  adopt_namespace(element.get(), uri, key);
  if (!has_uri(element->ns, uri))
    fail_from(From::Xml, Code::InvalidArg, "the element has a namespace of its own, not '", uri, "'");
  return dump(element.get(), 0, Layout::Compact);
}

void require_xml_text(const std::string& text, const char* what) {
  if (!is_xml_text(text))
    fail_from(From::Domain, Code::XmlError, "domain ", what, " has characters that XML cannot represent");
}

}  // namespace

std::string metadata_text(const Node& metadata) {
  std::string text;
  std::set<std::string> seen;
  for (const Node& child : metadata.all_children()) {
    const std::string uri = child.namespace_uri();
    if (uri.empty() || !seen.insert(uri).second) continue;
    text += dump(copy_element(child).get(), 0, Layout::Compact);
  }
  return text;
}

std::string print_metadata(const std::string& text, std::size_t depth) {
  const Document document = stored_document(text);
  std::string lines;
  for (const Node& child : document.root().all_children())
    lines += std::string(depth * 2, ' ') + dump(child.raw(), depth, Layout::Indented) + '\n';
  return lines;
}

void parse_metadata(const Node& domain, DomainDefinition& definition) {
  definition.metadata = metadata_text(domain.child("metadata"));
}

std::optional<std::string> get_metadata_element(const DomainDefinition& definition, const std::string& uri) {
  if (definition.metadata.empty()) return std::nullopt;
  const Document document = stored_document(definition.metadata);
  for (const Node& child : document.root().all_children()) {
    if (child.namespace_uri() != uri) continue;
    const OwnedNode element = copy_element(child);
    leave_namespace(element.get(), uri);
    return dump(element.get(), 0, Layout::Indented);
  }
  return std::nullopt;
}

void set_metadata_element(DomainDefinition& definition, const std::string& uri, const std::string& key,
                          const std::optional<std::string>& xml) {
  const bool remove = !xml || xml->empty();
  const std::string added = remove ? "" : parse_element(*xml, uri, key);
  std::string kept;
  if (!definition.metadata.empty()) {
    const Document document = stored_document(definition.metadata);
    for (const Node& child : document.root().all_children())
      if (child.namespace_uri() != uri) kept += dump(child.raw(), 0, Layout::Compact);
  }
  if (kept.size() + added.size() > kMaxMetadataBytes)
    fail_from(From::Domain, Code::InvalidArg, "metadata of ", kept.size() + added.size(),
              " bytes is larger than the limit of ", kMaxMetadataBytes, " bytes");
  definition.metadata = kept + added;
}

void set_title(DomainDefinition& definition, const std::optional<std::string>& title) {
  const std::string text = title.value_or("");
  if (text.find('\n') != std::string::npos)
    fail_from(From::Domain, Code::InvalidArg, "domain title contains a newline");
  require_xml_text(text, "title");
  definition.title = text;
}

void set_description(DomainDefinition& definition, const std::optional<std::string>& description) {
  require_xml_text(description.value_or(""), "description");
  definition.description = description.value_or("");
}

}  // namespace domain_xml
