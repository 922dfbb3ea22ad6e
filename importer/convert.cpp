#include "importer/convert.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "base/error.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/validate.hpp"

namespace importer {
namespace {

using domain_xml::DomainDefinition;
using domain_xml::FilesystemType;

constexpr std::string_view kNoLimit = "no memory limit";

std::uint64_t host_memory_kib() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) /
         1024;
}

/// As the daemon will take it, problems and all; the emulator is its own matter.
DomainDefinition accepted(DomainDefinition definition) {
  utsname names{};
  ::uname(&names);
  definition.emulator.clear();
  return domain_xml::accept_definition(std::move(definition), {.host_arch = names.machine, .emulator = ""});
}

std::string describe(const domain_xml::Filesystem& filesystem) {
  const std::string place =
      filesystem.target == "/" ? "root file system " : "file system " + filesystem.target + " from ";
  const std::string source = filesystem.type == FilesystemType::Ram ? "memory" : filesystem.source;
  return place + source + (filesystem.readonly ? ", read-only" : "");
}

std::string describe(const domain_xml::Interface& interface) {
  struct Words {
    std::string operator()(const domain_xml::InterfaceBridge& bridge) const { return "in bridge " + bridge.bridge; }
    std::string operator()(const domain_xml::InterfaceNetwork& network) const {
      return "in network " + network.network;
    }
    std::string operator()(const domain_xml::InterfaceDirect& direct) const { return "on " + direct.dev; }
    std::string operator()(const domain_xml::InterfaceEthernet&) const { return "with an end on the host"; }
    std::string operator()(const domain_xml::InterfaceHostDevice&) const { return "lent by the host"; }
    std::string operator()(const domain_xml::InterfaceOther& other) const { return "of type " + other.type; }
  };
  std::string text = "interface " + std::visit(Words{}, interface.source);
  if (interface.mac != domain_xml::MacAddress{}) text += ", " + domain_xml::format_mac(interface.mac);
  for (const auto& ip : interface.ips) text += ", " + ip.address;
  return text;
}

bool has_network(const DomainDefinition& definition) {
  const auto lent = [](const domain_xml::HostDevice& device) { return device.type == "net"; };
  return !definition.interfaces.empty() || definition.features.privnet || definition.shared_net ||
         std::any_of(definition.host_devices.begin(), definition.host_devices.end(), lent);
}

void describe_definition(Found& found, const DomainDefinition& definition) {
  found.kept.push_back(std::to_string(definition.memory_kib / 1024) + " MiB of memory");
  for (const auto& filesystem : definition.filesystems) found.kept.push_back(describe(filesystem));
  for (const auto& interface : definition.interfaces) found.kept.push_back(describe(interface));
  for (const auto& device : definition.host_devices) found.kept.push_back("host device " + device.path);
  if (!definition.idmap.empty()) found.kept.push_back("id map");
}

/// What a definition says by saying nothing differs between the drivers.
void warn_of_defaults(Found& found, const DomainDefinition& definition) {
  if (!has_network(definition))
    found.lost.push_back(
        "the host's network, which a container without an interface has there: see share_host_network");
  const auto is_root = [](const domain_xml::Filesystem& filesystem) { return filesystem.target == "/"; };
  if (std::none_of(definition.filesystems.begin(), definition.filesystems.end(), is_root))
    found.lost.push_back(
        "the host's root, which a container without a root file system has there: see share_host_root");
}

std::vector<std::string> lines_of(const std::string& xml) {
  std::vector<std::string> lines;
  std::istringstream text(xml);
  for (std::string line; std::getline(text, line);)
    lines.push_back(line.substr(std::min(line.find_first_not_of(' '), line.size())));
  return lines;
}

}  // namespace

void take_conversion(Found& found, domain_xml::FromNative conversion) {
  DomainDefinition& definition = conversion.definition;
  std::string& said = definition.name;
  if (said != found.name && said != "unnamed")
    found.lost.push_back("the host name '" + said + "': it is the domain's name here");
  said = found.name;
  for (std::string& note : conversion.unconverted) {
    if (note.starts_with(kNoLimit)) {
      definition.memory_kib = definition.current_memory_kib = host_memory_kib();
      note = "no memory limit: a domain has one, and gets all of this host's";
    }
    found.lost.push_back(std::move(note));
  }
  definition = accepted(std::move(definition));
  describe_definition(found, definition);
  found.xml = domain_xml::format_domain(definition, domain_xml::View::Inactive);
}

void take_libvirt_xml(Found& found, const std::string& xml) {
  DomainDefinition given = domain_xml::parse_domain(xml);
  const std::string emulator = "<emulator>" + given.emulator + "</emulator>";
  const DomainDefinition definition = accepted(std::move(given));
  found.xml = domain_xml::format_domain(definition, domain_xml::View::Inactive);
  std::map<std::string, int> again;
  for (const auto& line : lines_of(found.xml)) ++again[line];
  // Only what libvirt's own driver wrote is laid out so that lines can be compared.
  const std::size_t begin = std::min(xml.find("<domain"), xml.size());
  for (const auto& line : lines_of(xml.substr(begin)))
    if (again[line]-- <= 0 && !line.starts_with("</") && line != emulator && !line.empty()) found.lost.push_back(line);
  describe_definition(found, definition);
  warn_of_defaults(found, definition);
}

}  // namespace importer
