#include "domain-xml/filter_binding.hpp"

#include "domain-xml/format_parts.hpp"

namespace domain_xml {

std::string format_filter_binding(const DomainDefinition& owner, const Interface& interface,
                                  const std::string& host_end) {
  Writer writer;
  writer.open("filterbinding");
  writer.open("owner").leaf("name", owner.name).leaf("uuid", base::format_uuid(owner.uuid)).close();
  writer.open("portdev").attribute("name", host_end).close();
  writer.open("mac").attribute("address", format_mac(interface.mac)).close();
  write_filter(writer, interface.filter);
  writer.close();
  return writer.take();
}

}  // namespace domain_xml
