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
  const Document document(xml, "(domain_definition)");
  const std::unique_ptr<xmlRelaxNGValidCtxt, FreeContext> validator(xmlRelaxNGNewValidCtxt(schema_.get()));
  if (!validator) throw std::bad_alloc();
  Complaints complaints;
  xmlRelaxNGSetValidStructuredErrors(validator.get(), on_error, &complaints);
  if (xmlRelaxNGValidateDoc(validator.get(), document.raw()) == 0) return;
  fail_from(From::Xml, Code::XmlInvalidSchema, "'", path_, "': element '", complaints.element, "' in line ",
            complaints.line, ": ", complaints.text.empty() ? "is not valid" : complaints.text);
}

}  // namespace domain_xml
