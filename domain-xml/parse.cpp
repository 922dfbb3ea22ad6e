#include "domain-xml/parse.hpp"

#include "base/cpu_share.hpp"
#include "base/error.hpp"
#include "domain-xml/merge.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

constexpr char kSourceName[] = "(domain_definition)";

void parse_name(const Node& domain, DomainDefinition& definition) {
  definition.name = domain.child("name").text();
  if (definition.name.empty()) fail_from(From::Domain, Code::NoName, "the domain definition");
  if (definition.name.find('/') != std::string::npos)
    fail_from(From::Domain, Code::XmlError, "domain name '", definition.name, "' contains '/'");
  if (definition.name.find('\n') != std::string::npos)
    fail_from(From::Xml, Code::XmlDetail, "domain name '", definition.name, "' contains a newline");
}

void parse_type(const Node& domain, DomainDefinition& definition) {
  const auto type = domain.attribute("type");
  if (!type) fail_from(From::Domain, Code::InternalError, "missing domain type attribute");
  if (!contains(kDomainTypes, *type))
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown domain type '", *type, "'");
  definition.type = *type;
}

std::optional<base::Uuid> parse_spaced_uuid(std::string text) {
  std::erase_if(text, [](char c) { return std::string_view(" \t\r\n").find(c) != std::string_view::npos; });
  return base::parse_uuid(text);
}

/// The uuid the firmware tables show is that of the domain, so it may also be given there, and only there.
std::optional<base::Uuid> firmware_uuid(const Node& domain, const std::optional<base::Uuid>& given) {
  for (const Node& sysinfo : domain.children("sysinfo"))
    for (const Node& entry : sysinfo.child("system").children("entry")) {
      if (entry.attribute_text("name") != "uuid") continue;
      const auto uuid = base::parse_uuid(entry.text());
      if (!uuid) fail_from(From::Domain, Code::XmlDetail, "malformed uuid '", entry.text(), "' in element 'sysinfo'");
      if (given && !(*given == *uuid))
        fail_from(From::Domain, Code::XmlDetail, "the uuid in element 'sysinfo' is not that of the domain");
      return uuid;
    }
  return given;
}

void parse_uuid_elements(const Node& domain, DomainDefinition& definition) {
  // Filled in here and not with the other defaults: all-zero is a uuid like any other, so nothing marks an absent one.
  const std::string uuid_text = domain.child("uuid").text();
  const auto uuid = parse_spaced_uuid(uuid_text);
  if (!uuid && !uuid_text.empty()) fail_from(From::Domain, Code::InternalError, "malformed uuid '", uuid_text, "'");
  const auto known = firmware_uuid(domain, uuid);
  definition.uuid = known ? *known : base::Uuid::random();

  const auto genids = domain.children("genid");
  if (genids.size() > 1) fail_from(From::Domain, Code::XmlError, "element 'genid' can only appear once");
  if (genids.empty()) return;
  const std::string text = genids.front().text();
  const auto genid = text.empty() ? base::Uuid::random() : base::parse_uuid(text);
  if (!genid) fail_from(From::Domain, Code::InternalError, "malformed genid '", text, "'");
  definition.genid = base::format_uuid(*genid);
}

void parse_title(const Node& domain, DomainDefinition& definition) {
  definition.title = domain.child("title").text();
  if (definition.title.find('\n') != std::string::npos)
    fail_from(From::Domain, Code::XmlError, "domain title contains a newline");
  definition.description = domain.child("description").text();
}

/// Elements of the document that a container ignores but keeps; what stands inside an element that it does not ignore
/// is kept beside them.
void parse_stored_elements(const Node& domain, DomainDefinition& definition) {
  definition.others = parse_stored_children(domain, "domain");
  for (Element& element : parse_stored_children(domain.child("os"), "os")) definition.others.push_back(element);
  for (Element& element : parse_stored_children(domain.child("resource"), "resource"))
    definition.others.push_back(element);
}

DomainDefinition parse(std::string_view xml, Source source) {
  const base::LowerShare share(xml.size());
  const Document document(xml, kSourceName);
  const Node domain = document.root();
  if (domain.name() != "domain")
    fail_from(From::Xml, Code::XmlError, "expecting root element 'domain', not '", domain.name(), "'");

  merge_repeated(domain);
  DomainDefinition definition;
  parse_name(domain, definition);
  parse_type(domain, definition);
  parse_uuid_elements(domain, definition);
  parse_os_type(domain, definition);
  parse_title(domain, definition);
  parse_security_labels(domain, definition, source);
  parse_memory(domain, definition);
  parse_block_tune(domain, definition);
  parse_memory_tune(domain, definition);
  parse_vcpu(domain, definition);
  parse_cpu_tune(domain, definition);
  parse_numa_tune(domain, definition);
  parse_resource(domain, definition);
  parse_features(domain, definition);
  parse_lifecycle(domain, definition);
  parse_clock(domain, definition);
  parse_init(domain, definition);
  parse_devices(domain, definition, source);
  parse_idmap(domain, definition);
  parse_stored_elements(domain, definition);
  parse_metadata(domain, definition);
  parse_shared_namespaces(domain, definition);
  parse_extension(domain, definition);
  return definition;
}

}  // namespace

DomainDefinition parse_domain(std::string_view xml) {
  return parse(xml, Source::Config);
}

DomainDefinition parse_status_domain(std::string_view xml) {
  return parse(xml, Source::Status);
}

}  // namespace domain_xml
