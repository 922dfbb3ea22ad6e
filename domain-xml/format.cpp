#include "domain-xml/format.hpp"

#include "domain-xml/format_parts.hpp"
#include "domain-xml/metadata_text.hpp"
#include "domain-xml/names.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

namespace {

void write_identity(Writer& writer, const DomainDefinition& definition) {
  writer.leaf("name", definition.name).leaf("uuid", base::format_uuid(definition.uuid));
  writer.leaf_if("genid", definition.genid);
  writer.leaf_if("title", definition.title);
  writer.leaf_if("description", definition.description);
  if (definition.metadata.empty()) return;
  writer.open("metadata").raw(print_metadata(definition.metadata, writer.depth())).close();
}

void write_memory(Writer& writer, const DomainDefinition& definition) {
  writer.open("memory");
  if (definition.dump_core) writer.attribute("dumpCore", *definition.dump_core ? "on" : "off");
  writer.attribute("unit", "KiB").text(std::to_string(definition.memory_kib)).close();
  writer.open("currentMemory").attribute("unit", "KiB").text(std::to_string(definition.current_memory_kib)).close();
}

void write_lifecycle(Writer& writer, const DomainDefinition& definition) {
  writer.leaf("on_poweroff", word_for(kLifecycleActions, definition.on_poweroff));
  writer.leaf("on_reboot", word_for(kLifecycleActions, definition.on_reboot));
  writer.leaf("on_crash", word_for(kLifecycleActions, definition.on_crash));
}

}  // namespace

std::string format_domain(const DomainDefinition& definition, View view, std::optional<int> id) {
  Writer writer;
  writer.open("domain").attribute("type", definition.type);
  if (view != View::Inactive && id) writer.attribute("id", std::to_string(*id));
  if (has_shared_namespaces(definition)) writer.attribute("xmlns:lxc", kLxcNamespace);
  if (has_extension(definition)) writer.attribute("xmlns:lxcell", kExtensionNamespace);
  write_identity(writer, definition);
  write_memory(writer, definition);
  write_block_tune(writer, definition.block_tune);
  write_memory_tune(writer, definition.memory_tune);
  write_stored_named(writer, definition.others, "memoryBacking");
  write_vcpu(writer, definition);
  write_stored_named(writer, definition.others, "iothreads");
  write_stored_named(writer, definition.others, "iothreadids");
  write_stored_named(writer, definition.others, "defaultiothread");
  write_cpu_tune(writer, definition.cpu_tune);
  write_numa_tune(writer, definition.numa_tune);
  if (!definition.partition.empty() || has_stored(definition.others, "fibrechannel")) {
    writer.open("resource").leaf_if("partition", definition.partition);
    write_stored_named(writer, definition.others, "fibrechannel");
    writer.close();
  }
  write_stored_named(writer, definition.others, "sysinfo");
  write_stored_named(writer, definition.others, "bootloader");
  write_stored_named(writer, definition.others, "bootloader_args");
  write_os(writer, definition.os, definition.others);
  write_idmap(writer, definition.idmap);
  write_features(writer, definition.features);
  write_stored_named(writer, definition.others, "cpu");
  write_clock(writer, definition.clock);
  write_lifecycle(writer, definition);
  write_stored_named(writer, definition.others, "on_lockfailure");
  write_stored_named(writer, definition.others, "pm");
  write_stored_named(writer, definition.others, "perf");
  write_devices(writer, definition, view);
  for (const SecurityLabel& label : definition.security_labels) write_security_label(writer, label, view);
  write_stored_named(writer, definition.others, "keywrap");
  write_stored_named(writer, definition.others, "launchSecurity");
  write_shared_namespaces(writer, definition);
  write_extension(writer, definition);
  writer.close();
  return writer.take();
}

}  // namespace domain_xml
