#include "domain-xml/format_parts.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

namespace {

void write_kib(Writer& writer, const char* name, const std::optional<std::uint64_t>& kib) {
  if (kib) writer.open(name).attribute("unit", "KiB").text(std::to_string(*kib)).close();
}

}  // namespace

void write_memory_tune(Writer& writer, const MemoryTune& tune) {
  if (tune == MemoryTune{}) return;
  writer.open("memtune");
  write_kib(writer, "hard_limit", tune.hard_limit_kib);
  write_kib(writer, "soft_limit", tune.soft_limit_kib);
  write_kib(writer, "min_guarantee", tune.min_guarantee_kib);
  write_kib(writer, "swap_hard_limit", tune.swap_hard_limit_kib);
  writer.close();
}

void write_block_tune(Writer& writer, const BlockTune& tune) {
  if (tune == BlockTune{}) return;
  writer.open("blkiotune");
  if (tune.weight) writer.leaf("weight", *tune.weight);
  for (const BlockDeviceTune& device : tune.devices) {
    writer.open("device").leaf("path", device.path);
    if (device.weight) writer.leaf("weight", *device.weight);
    if (device.read_iops_sec) writer.leaf("read_iops_sec", *device.read_iops_sec);
    if (device.write_iops_sec) writer.leaf("write_iops_sec", *device.write_iops_sec);
    if (device.read_bytes_sec) writer.leaf("read_bytes_sec", *device.read_bytes_sec);
    if (device.write_bytes_sec) writer.leaf("write_bytes_sec", *device.write_bytes_sec);
    writer.close();
  }
  writer.close();
}

void write_numa_tune(Writer& writer, const std::optional<NumaTune>& tune) {
  if (!tune) return;
  writer.open("numatune").open("memory").attribute("mode", word_for(kNumaModes, tune->mode));
  if (tune->nodeset.empty())
    writer.attribute("placement", "auto");
  else
    writer.attribute("nodeset", tune->nodeset);
  writer.close().close();
}

void write_vcpu(Writer& writer, const DomainDefinition& definition) {
  writer.open("vcpu").attribute("placement", word_for(kVcpuPlacements, definition.vcpu_placement));
  writer.attribute_if("cpuset", definition.cpuset).attribute_if("current", definition.vcpus_current);
  writer.text(std::to_string(definition.vcpus)).close();
}

void write_cpu_tune(Writer& writer, const CpuTune& tune) {
  if (tune == CpuTune{}) return;
  writer.open("cputune");
  if (tune.shares) writer.leaf("shares", *tune.shares);
  if (tune.period_us) writer.leaf("period", *tune.period_us);
  if (tune.quota_us) writer.leaf("quota", std::to_string(*tune.quota_us));
  for (const Element& element : tune.others) write_stored(writer, element);
  writer.close();
}

}  // namespace domain_xml
