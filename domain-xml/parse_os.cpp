// What runs inside: os type, init and its surroundings, and the map of user ids.
#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

void parse_os_type(const Node& domain, DomainDefinition& definition) {
  const Node type = domain.child("os").child("type");
  Os& os = definition.os;
  os.type = type.text();
  if (os.type.empty()) fail_from(From::Domain, Code::XmlError, "an os type must be given (element 'os/type')");
  if (!contains(kOsTypes, os.type)) fail_from(From::Domain, Code::ConfigUnsupported, "unknown os type '", os.type, "'");
  os.arch = type.attribute_text("arch");
  if (!os.arch.empty() && !contains(kArchitectures, os.arch))
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown architecture '", os.arch, "'");
  os.machine = type.attribute_text("machine");
}

namespace {

InitVariable parse_init_variable(const Node& node) {
  const auto name = node.attribute("name");
  if (!name) fail_from(From::Domain, Code::XmlError, "element 'initenv' has no attribute 'name'");
  InitVariable variable{*name, node.text()};
  if (variable.value.empty())
    fail_from(From::Domain, Code::XmlError, "element 'initenv' for '", *name, "' has no text");
  return variable;
}

std::vector<IdMapEntry> parse_id_entries(const Node& idmap, const char* name) {
  std::vector<IdMapEntry> entries;
  for (const Node& node : idmap.children(name)) {
    const auto number = [&](const char* attribute) {
      const auto value = parse_number<std::uint32_t>(node.attribute_text(attribute));
      if (!value)
        fail_from(From::Domain, Code::XmlError, "attribute '", attribute, "' of element 'idmap/", name,
                  "' must be a number");
      return *value;
    };
    entries.push_back({number("start"), number("target"), number("count")});
  }
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  return entries;
}

}  // namespace

void parse_init(const Node& domain, DomainDefinition& definition) {
  const Node node = domain.child("os");
  Os& os = definition.os;
  if (os.type != "exe") return;
  os.init = node.child("init").text();
  if (os.init.empty()) fail_from(From::Domain, Code::XmlError, "the path of init must be given (element 'os/init')");
  for (const Node& argument : node.children("initarg")) {
    os.init_args.push_back(argument.text());
    if (os.init_args.back().empty()) fail_from(From::Domain, Code::XmlError, "element 'initarg' has no text");
  }
  for (const Node& variable : node.children("initenv")) os.init_env.push_back(parse_init_variable(variable));
  os.init_dir = node.child("initdir").text();
  os.init_user = node.child("inituser").text();
  os.init_group = node.child("initgroup").text();
  os.cmdline = node.child("cmdline").text();
}

void parse_idmap(const Node& domain, DomainDefinition& definition) {
  const Node idmap = domain.child("idmap");
  definition.idmap = {.uids = parse_id_entries(idmap, "uid"), .gids = parse_id_entries(idmap, "gid")};
}

}  // namespace domain_xml
