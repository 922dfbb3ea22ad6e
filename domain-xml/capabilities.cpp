#include "domain-xml/capabilities.hpp"

#include <array>
#include <string_view>

#include "domain-xml/writer.hpp"

namespace domain_xml {

namespace {

struct ArchPair {
  std::string_view wide, narrow;
};

constexpr ArchPair kSiblings[] = {{"x86_64", "i686"}, {"aarch64", "armv7l"}, {"ppc64", "ppc"},      {"s390x", "s390"},
                                  {"mips64", "mips"}, {"sparc64", "sparc"},  {"parisc64", "parisc"}};

bool is_64_bit(std::string_view arch) {
  return arch.find("64") != std::string_view::npos || arch == "s390x" || arch == "alpha";
}

void write_cpu(Writer& writer, const HostCapabilities& host) {
  writer.open("cpu").leaf("arch", host.arch);
  for (const unsigned size : host.page_sizes_kib)
    writer.open("pages").attribute("unit", "KiB").attribute("size", size).close();
  writer.close();
}

void write_cell(Writer& writer, const HostCell& cell) {
  writer.open("cell").attribute("id", cell.id);
  writer.open("memory").attribute("unit", "KiB").text(std::to_string(cell.memory_kib)).close();
  for (const HostPages& pages : cell.pages)
    writer.open("pages")
        .attribute("unit", "KiB")
        .attribute("size", pages.size_kib)
        .text(std::to_string(pages.count))
        .close();
  if (!cell.distances.empty()) {
    writer.open("distances");
    for (const auto& [id, value] : cell.distances)
      writer.open("sibling").attribute("id", id).attribute("value", value).close();
    writer.close();
  }
  writer.open("cpus").attribute("num", cell.cpus.size());
  for (const HostCpu& cpu : cell.cpus) {
    writer.open("cpu").attribute("id", cpu.id).attribute("socket_id", cpu.socket).attribute("die_id", cpu.die);
    writer.attribute("core_id", cpu.core).attribute("siblings", cpu.siblings).close();
  }
  writer.close().close();
}

void write_topology(Writer& writer, const std::vector<HostCell>& cells) {
  if (cells.empty()) return;
  writer.open("topology").open("cells").attribute("num", cells.size());
  for (const HostCell& cell : cells) write_cell(writer, cell);
  writer.close().close();
}

void write_caches(Writer& writer, const std::vector<HostCacheBank>& caches) {
  if (caches.empty()) return;
  writer.open("cache");
  for (const HostCacheBank& bank : caches) {
    const bool whole_mib = bank.size_kib >= 1024 && bank.size_kib % 1024 == 0;
    writer.open("bank").attribute("id", bank.id).attribute("level", bank.level).attribute("type", bank.type);
    writer.attribute("size", whole_mib ? bank.size_kib / 1024 : bank.size_kib);
    writer.attribute("unit", whole_mib ? "MiB" : "KiB").attribute("cpus", bank.cpus).close();
  }
  writer.close();
}

void write_host(Writer& writer, const HostCapabilities& host) {
  writer.open("host").leaf("uuid", base::format_uuid(host.host_uuid));
  write_cpu(writer, host);
  writer.empty("power_management");
  writer.open("iommu").attribute("support", host.iommu ? "yes" : "no").close();
  write_topology(writer, host.cells);
  write_caches(writer, host.caches);
  writer.open("secmodel").leaf("model", host.security_model).leaf("doi", host.security_doi);
  if (!host.security_base_label.empty())
    writer.open("baselabel").attribute("type", "lxc").text(host.security_base_label).close();
  writer.close();
  writer.close();
}

void write_guest(Writer& writer, const std::string& arch, const std::string& emulator) {
  writer.open("guest").leaf("os_type", "exe").open("arch").attribute("name", arch);
  writer.leaf("wordsize", is_64_bit(arch) ? "64" : "32").leaf("emulator", emulator);
  writer.open("domain").attribute("type", "lxc").close();
  writer.close().close();
}

}  // namespace

std::string sibling_arch(const std::string& arch) {
  for (const auto& pair : kSiblings)
    if (pair.wide == arch) return std::string(pair.narrow);
  return {};
}

std::string format_capabilities(const HostCapabilities& capabilities) {
  Writer writer;
  writer.open("capabilities").raw("\n");
  write_host(writer, capabilities);
  writer.raw("\n");
  write_guest(writer, capabilities.arch, capabilities.emulator);
  writer.raw("\n");
  if (const std::string sibling = sibling_arch(capabilities.arch); !sibling.empty()) {
    write_guest(writer, sibling, capabilities.emulator);
    writer.raw("\n");
  }
  writer.close();
  return writer.take();
}

}  // namespace domain_xml
