#include "domain-xml/host_sysinfo.hpp"

#include "domain-xml/writer.hpp"

namespace domain_xml {

std::string format_host_sysinfo(const std::vector<SysinfoSection>& sections) {
  Writer writer;
  writer.open("sysinfo").attribute("type", "smbios");
  for (const auto& section : sections) {
    if (section.entries.empty()) continue;
    writer.open(section.name);
    for (const auto& [name, value] : section.entries)
      if (is_xml_text(value)) writer.open("entry").attribute("name", name).text(value).close();
    writer.close();
  }
  writer.close();
  return writer.take();
}

}  // namespace domain_xml
