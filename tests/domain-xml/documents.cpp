#include "documents.hpp"

#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/validate.hpp"

namespace domain_xml {

std::string document(const Pieces& p) {
  return "<domain " + p.type + ">" + p.name + p.uuid + p.memory + "<os>" + p.os + "</os>" + p.top + "<devices>" +
         p.devices + "</devices></domain>";
}

DomainDefinition define(const std::string& xml) {
  return accept_definition(parse_domain(xml), kHost);
}

std::string dump(const std::string& xml) {
  return format_domain(define(xml), View::Inactive);
}

const Schema& our_schema() {
  static const Schema schema(SOURCE_DIR "/schemas/lxcell-domain.rng");
  return schema;
}

std::optional<base::Error> error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const base::Error& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace domain_xml
