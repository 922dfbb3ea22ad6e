// Reading side of libxml2: one parsed document and cheap views of its elements. Bounded against hostile text: no
// network, no entity declarations, libxml2's own depth limit, and a size cap. Safe on several threads at once.
#pragma once

#include <libxml/tree.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace domain_xml {

constexpr std::size_t kMaxDocumentBytes = 4 * 1024 * 1024;

/// A view of one element; valid while its Document lives. A default one stands for an absent element.
class Node {
 public:
  Node() = default;
  explicit Node(xmlNode* node) : node_(node) {}
  explicit operator bool() const { return node_ != nullptr; }
  xmlNode* raw() const { return node_; }

  std::string name() const;
  /// Of the document, from 1.
  long line() const;
  /// Namespace URI, empty when there is none.
  std::string namespace_uri() const;
  std::optional<std::string> attribute(const char* name) const;
  /// The attribute's value, or empty text when absent.
  std::string attribute_text(const char* name) const { return attribute(name).value_or(""); }
  /// All text below the element, entities resolved, comments left out.
  std::string text() const;

  /// The first element child called `name` outside any namespace.
  Node child(std::string_view name) const;
  std::vector<Node> children(std::string_view name) const;
  /// Every element child outside any namespace.
  std::vector<Node> children() const;
  /// Element children whatever their namespace.
  std::vector<Node> all_children() const;

 private:
  xmlNode* node_ = nullptr;
};

class Document {
 public:
  /// Throws XmlDetail naming `source`, the line, its text and a caret below the place; XmlError when too large.
  Document(std::string_view xml, const char* source);
  Node root() const;
  xmlDoc* raw() const { return document_.get(); }

 private:
  struct Free {
    void operator()(xmlDoc* document) const noexcept { xmlFreeDoc(document); }
  };
  std::unique_ptr<xmlDoc, Free> document_;
};

}  // namespace domain_xml
