#include "domain-xml/node.hpp"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "base/error.hpp"

namespace domain_xml {

using base::Code;
using base::From;

namespace {

constexpr std::size_t kContextBytes = 80;

/// The first thing that went wrong while parsing, kept until the parser has returned.
struct FirstError {
  bool set = false;
  bool refused = false;  // by us; libxml2 itself would have gone on
  int line = 1;
  std::string text = "Document is empty", context = "\n^";
};

FirstError& first_error(xmlParserCtxt* parser) {
  return *static_cast<FirstError*>(parser->_private);
}

bool ends_line(xmlChar c) {
  return c == '\n' || c == '\r' || c == '\0';
}

/// The text of the line the parser stands in and a caret under its position.
std::string line_and_caret(const xmlParserInput* input) {
  if (input == nullptr || input->base == nullptr || input->cur == nullptr) return "\n^";
  const xmlChar* at = std::min(input->cur, input->end);
  while (at > input->base && (at == input->end || ends_line(*at))) --at;
  const xmlChar* begin = at;
  while (begin > input->base && !ends_line(begin[-1]) && static_cast<std::size_t>(at - begin) < kContextBytes) --begin;
  const xmlChar* end = begin;
  while (end < input->end && !ends_line(*end) && static_cast<std::size_t>(end - begin) < kContextBytes) ++end;
  std::string line(reinterpret_cast<const char*>(begin), static_cast<std::size_t>(end - begin));
  const bool readable = xmlCheckUTF8(reinterpret_cast<const xmlChar*>(line.c_str())) != 0;
  for (char& c : line)
    if (static_cast<unsigned char>(c) < ' ' || (!readable && static_cast<unsigned char>(c) >= 0x80)) c = ' ';
  const auto column = static_cast<std::size_t>(std::clamp(input->cur, begin, end) - begin);
  return line + '\n' + std::string(column, '-') + '^';
}

void record(xmlParserCtxt* parser, int line, std::string text) {
  FirstError& error = first_error(parser);
  if (error.set) return;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  error.set = true;
  error.line = line;
  error.text = std::move(text);
  error.context = line_and_caret(parser->input);
}

void on_error(void* data, xmlError* error) noexcept {
  try {
    auto* parser = static_cast<xmlParserCtxt*>(data);
    if (error->level < XML_ERR_ERROR) return;
    record(parser, error->line, error->message != nullptr ? error->message : "unknown error");
  } catch (...) {  // out of memory: the parser fails anyway and the caller says so without the place
  }
}

/// Entities have no use in a definition, and their expansion is how a small text becomes a large one.
void on_entity_declaration(void* data, const xmlChar*, int, const xmlChar*, const xmlChar*, xmlChar*) noexcept {
  auto* parser = static_cast<xmlParserCtxt*>(data);
  try {
    record(parser, parser->input != nullptr ? parser->input->line : 0, "entity declarations are not accepted");
    first_error(parser).refused = true;
  } catch (...) {
    first_error(parser).refused = true;
  }
  xmlStopParser(parser);
}

struct FreeParser {
  void operator()(xmlParserCtxt* parser) const noexcept { xmlFreeParserCtxt(parser); }
};

std::unique_ptr<xmlParserCtxt, FreeParser> new_parser(FirstError& error) {
  static std::once_flag initialised;
  std::call_once(initialised, [] { xmlInitParser(); });
  std::unique_ptr<xmlParserCtxt, FreeParser> parser(xmlNewParserCtxt());
  if (!parser || parser->sax == nullptr) throw std::bad_alloc();
  parser->_private = &error;
  parser->sax->serror = on_error;
  parser->sax->entityDecl = on_entity_declaration;
  return parser;
}

bool plain_element(const xmlNode* node) {
  return node->type == XML_ELEMENT_NODE && node->ns == nullptr;
}

}  // namespace

Document::Document(std::string_view xml, const char* source) {
  if (xml.size() > kMaxDocumentBytes)
    base::fail_from(From::Domain, Code::XmlError, source, " of ", xml.size(), " bytes is larger than the limit of ",
                    kMaxDocumentBytes, " bytes");
  FirstError error;
  const auto parser = new_parser(error);
  document_.reset(xmlCtxtReadMemory(parser.get(), xml.empty() ? "" : xml.data(), static_cast<int>(xml.size()), nullptr,
                                    nullptr, XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_BIG_LINES));
  // A prefix without a declaration is an error to libxml2 but leaves a document, which libvirt takes as it is.
  if (document_ && !error.refused && xmlDocGetRootElement(document_.get()) != nullptr) return;
  base::fail_from(From::Domain, Code::XmlDetail, source, ":", error.line, ": ", error.text, "\n", error.context);
}

Node Document::root() const {
  return Node(xmlDocGetRootElement(document_.get()));
}

long Node::line() const {
  return xmlGetLineNo(node_);
}

std::string Node::name() const {
  return reinterpret_cast<const char*>(node_->name);
}

std::string Node::namespace_uri() const {
  if (node_->ns == nullptr || node_->ns->href == nullptr) return {};
  return reinterpret_cast<const char*>(node_->ns->href);
}

std::optional<std::string> Node::attribute(const char* name) const {
  if (node_ == nullptr) return std::nullopt;
  xmlChar* value = xmlGetNoNsProp(node_, reinterpret_cast<const xmlChar*>(name));
  if (value == nullptr) return std::nullopt;
  const std::unique_ptr<xmlChar, void (*)(void*)> owner(value, xmlFree);
  return std::string(reinterpret_cast<const char*>(value));
}

std::string Node::text() const {
  std::string text;
  if (node_ == nullptr) return text;
  for (const xmlNode* at = node_->children; at != nullptr;) {
    if ((at->type == XML_TEXT_NODE || at->type == XML_CDATA_SECTION_NODE) && at->content != nullptr)
      text += reinterpret_cast<const char*>(at->content);
    if (at->type == XML_ELEMENT_NODE && at->children != nullptr) {
      at = at->children;
      continue;
    }
    while (at != node_ && at->next == nullptr) at = at->parent;
    at = at == node_ ? nullptr : at->next;
  }
  return text;
}

Node Node::child(std::string_view name) const {
  if (node_ == nullptr) return {};
  for (xmlNode* at = node_->children; at != nullptr; at = at->next)
    if (plain_element(at) && name == reinterpret_cast<const char*>(at->name)) return Node(at);
  return {};
}

std::vector<Node> Node::children(std::string_view name) const {
  std::vector<Node> found;
  for (const Node node : children())
    if (name == reinterpret_cast<const char*>(node.raw()->name)) found.push_back(node);
  return found;
}

std::vector<Node> Node::children() const {
  std::vector<Node> found;
  for (xmlNode* at = node_ != nullptr ? node_->children : nullptr; at != nullptr; at = at->next)
    if (plain_element(at)) found.emplace_back(at);
  return found;
}

std::vector<Node> Node::all_children() const {
  std::vector<Node> found;
  for (xmlNode* at = node_ != nullptr ? node_->children : nullptr; at != nullptr; at = at->next)
    if (at->type == XML_ELEMENT_NODE) found.emplace_back(at);
  return found;
}

}  // namespace domain_xml
