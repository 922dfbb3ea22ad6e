// <lxcell:container>, printed only if it says something.
#include "domain-xml/format_parts.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {
namespace {

std::string limit_text(const std::optional<std::uint64_t>& limit) {
  return limit ? std::to_string(*limit) : "unlimited";
}

void write_overlay(Writer& writer, const RootOverlay& overlay) {
  writer.open("lxcell:overlay");
  writer.attribute_if("directory", overlay.directory);
  if (overlay.memory_limit_kib) writer.attribute("size", *overlay.memory_limit_kib).attribute("unit", "KiB");
  writer.close();
}

}  // namespace

bool has_extension(const DomainDefinition& definition) {
  return !(definition.extension == Extension{});
}

void write_extension(Writer& writer, const DomainDefinition& definition) {
  if (!has_extension(definition)) return;
  const Extension& extension = definition.extension;
  writer.open("lxcell:container");
  if (extension.seccomp != Extension{}.seccomp)
    writer.open("lxcell:seccomp").attribute("profile", extension.seccomp).close();
  if (extension.pids_limit)
    writer.open("lxcell:pids").attribute("limit", std::to_string(*extension.pids_limit)).close();
  for (const ResourceLimit& limit : extension.resource_limits) {
    writer.open("lxcell:rlimit").attribute("name", limit.name);
    writer.attribute("soft", limit_text(limit.soft)).attribute("hard", limit_text(limit.hard)).close();
  }
  if (extension.overlay) write_overlay(writer, *extension.overlay);
  if (extension.host_ids) writer.open("lxcell:idmap").attribute("mode", "none").close();
  if (extension.idmap) {
    writer.open("lxcell:idmap").attribute("count", std::to_string(extension.idmap->count));
    if (extension.idmap->start) writer.attribute("start", std::to_string(*extension.idmap->start));
    writer.close();
  }
  writer.close();
}

}  // namespace domain_xml
