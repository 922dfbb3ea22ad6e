#include "support/domain_xml.hpp"

#include <libxml/parser.h>
#include <libxml/xpath.h>

#include <memory>
#include <stdexcept>

namespace support {

std::string DomainXml::text() const {
  std::string xml = "<domain type='lxc'>\n";
  if (!name.empty()) xml += "  <name>" + name + "</name>\n";
  if (!uuid.empty()) xml += "  <uuid>" + uuid + "</uuid>\n";
  xml += "  <memory unit='KiB'>" + std::to_string(memory_kib) + "</memory>\n";
  xml += elements;
  xml += "  <os>\n    <type>exe</type>\n";
  if (!init.empty()) xml += "    <init>" + init + "</init>\n";
  for (const auto& argument : arguments) xml += "    <initarg>" + argument + "</initarg>\n";
  xml += os + "  </os>\n";
  if (private_network || !features.empty()) {
    xml += "  <features>" + std::string(private_network ? "<privnet/>" : "") + features + "</features>\n";
  }
  xml += "  <devices>\n";
  if (!root.empty()) xml += mount_filesystem(root, "/");
  for (int i = 0; i < consoles; ++i) xml += "    <console type='pty'/>\n";
  return xml + devices + "  </devices>\n</domain>\n";
}

std::string bridge_interface(const std::string& bridge, const std::string& mac, const std::string& more) {
  return "    <interface type='bridge'>\n" + (mac.empty() ? "" : "      <mac address='" + mac + "'/>\n") +
         "      <source bridge='" + bridge + "'/>\n" + more + "    </interface>\n";
}

std::string mount_filesystem(const std::string& source, const std::string& target, bool read_only) {
  return "    <filesystem type='mount'>\n      <source dir='" + source + "'/>\n      <target dir='" + target + "'/>\n" +
         (read_only ? "      <readonly/>\n" : "") + "    </filesystem>\n";
}

std::string xpath(const std::string& xml, const std::string& expression) {
  const std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)> document(
      xmlReadMemory(xml.data(), static_cast<int>(xml.size()), "xml", nullptr, XML_PARSE_NONET | XML_PARSE_NOERROR),
      xmlFreeDoc);
  if (!document) throw std::runtime_error("not well-formed:\n" + xml);
  const std::unique_ptr<xmlXPathContext, decltype(&xmlXPathFreeContext)> context(xmlXPathNewContext(document.get()),
                                                                                 xmlXPathFreeContext);
  const std::unique_ptr<xmlXPathObject, decltype(&xmlXPathFreeObject)> value(
      xmlXPathEvalExpression(reinterpret_cast<const xmlChar*>(expression.c_str()), context.get()), xmlXPathFreeObject);
  if (!value) throw std::runtime_error("bad XPath " + expression);
  const std::unique_ptr<xmlChar, void (*)(void*)> text(xmlXPathCastToString(value.get()),
                                                       [](void* memory) { xmlFree(memory); });
  return reinterpret_cast<const char*>(text.get());
}

}  // namespace support
