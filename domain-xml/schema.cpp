#include "domain-xml/schema.hpp"

#include <fcntl.h>
#include <libxml/relaxng.h>

#include <memory>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "domain-xml/node.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

struct FreeContext {
  void operator()(xmlRelaxNGParserCtxt* parser) const noexcept { xmlRelaxNGFreeParserCtxt(parser); }
  void operator()(xmlRelaxNGValidCtxt* validator) const noexcept { xmlRelaxNGFreeValidCtxt(validator); }
};

/// What libxml2 complains about: from the general to the particular, so the place named last is the closest.
struct Complaints {
  std::string text, element;
  int line = 0;
};

void on_error(void* data, xmlError* error) noexcept {
  auto& complaints = *static_cast<Complaints*>(data);
  if (error->message == nullptr) return;
  try {
    std::string text = error->message;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    complaints.text += (complaints.text.empty() ? "" : "; ") + text;
    const auto* node = static_cast<const xmlNode*>(error->node);
    if (node == nullptr || node->name == nullptr) return;
    complaints.element = reinterpret_cast<const char*>(node->name);
    complaints.line = error->line;
  } catch (...) {  // out of memory: the document stays refused, without the place
  }
}

bool is_valid(xmlRelaxNG* schema, const Document& document, Complaints& complaints) {
  const std::unique_ptr<xmlRelaxNGValidCtxt, FreeContext> validator(xmlRelaxNGNewValidCtxt(schema));
  if (!validator) throw std::bad_alloc();
  xmlRelaxNGSetValidStructuredErrors(validator.get(), on_error, &complaints);
  return xmlRelaxNGValidateDoc(validator.get(), document.raw()) == 0;
}

/// Where elements may come in any order, libxml2 names only the one around them. So each is taken out for a moment: the
/// one without which the document is valid is the one to name, and in it again.
class Search {
 public:
  Search(xmlRelaxNG* schema, const Document& document) : schema_(schema), document_(document) {}

  /// Nothing when there is more than one, or too much to try.
  Node innermost(const Node& parent) {
    for (const Node& child : parent.all_children()) {
      if (tries_ == 0) return {};
      --tries_;
      if (!is_valid_without(child.raw())) continue;
      const Node inner = innermost(child);
      return inner ? inner : child;
    }
    return {};
  }

 private:
  bool is_valid_without(xmlNode* node) {
    xmlNode *const parent = node->parent, *const next = node->next;
    xmlUnlinkNode(node);
    Complaints ignored;
    const bool valid = is_valid(schema_, document_, ignored);
    if (next != nullptr)
      xmlAddPrevSibling(next, node);
    else
      xmlAddChild(parent, node);
    return valid;
  }

  xmlRelaxNG* schema_;
  const Document& document_;
  int tries_ = 500;
};

/// libxml2's time grows with the square of the number of elements in any order.
constexpr std::size_t kMaxValidatedBytes = 256 * 1024;
constexpr std::size_t kMaxSearchedBytes = 64 * 1024;

}  // namespace

void Schema::Free::operator()(xmlRelaxNG* schema) const noexcept {
  xmlRelaxNGFree(schema);
}

Schema::Schema(const std::string& path) : path_(path) {
  base::open_file(path, O_RDONLY);  // libxml2 would report a missing file on the daemon's stderr
  Complaints complaints;
  const std::unique_ptr<xmlRelaxNGParserCtxt, FreeContext> parser(xmlRelaxNGNewParserCtxt(path.c_str()));
  if (!parser) throw std::bad_alloc();
  xmlRelaxNGSetParserStructuredErrors(parser.get(), on_error, &complaints);
  schema_.reset(xmlRelaxNGParse(parser.get()));
  if (!schema_) fail_from(From::Xml, Code::InternalError, "cannot read schema '", path, "': ", complaints.text);
}

void Schema::validate(std::string_view xml) const {
  if (xml.size() > kMaxValidatedBytes)
    fail_from(From::Xml, Code::XmlError, "(domain_definition) of ", xml.size(),
              " bytes is larger than what is validated, ", kMaxValidatedBytes, " bytes");
  const Document document(xml, "(domain_definition)");
  Complaints complaints;
  if (is_valid(schema_.get(), document, complaints)) return;
  const auto refuse = [&](const std::string& element, long line, const std::string& why) {
    fail_from(From::Xml, Code::XmlInvalidSchema, "'", path_, "': element '", element, "' in line ", line, ": ", why);
  };
  if (xml.size() <= kMaxSearchedBytes)
    if (const Node odd = Search(schema_.get(), document).innermost(document.root()))
      refuse(odd.name(), odd.line(), "cannot be there, or not like that");
  refuse(complaints.element, complaints.line, complaints.text.empty() ? "is not valid" : complaints.text);
}

}  // namespace domain_xml
