#include <algorithm>

#include "domain-xml/format_parts.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

namespace {

std::string octal_mode(unsigned mode) {
  std::string text = "0000";
  for (std::size_t digit = 4; digit-- > 0; mode /= 8) text[digit] = static_cast<char>('0' + mode % 8);
  return text;
}

void write_source(Writer& writer, const Filesystem& filesystem) {
  writer.open("source");
  if (filesystem.source.empty() && has_stored(filesystem.others, "source")) {
    write_stored_rest(writer, filesystem.others, "source");
    writer.close();
    return;
  }
  switch (filesystem.type) {
    case FilesystemType::Mount:
    case FilesystemType::Bind:
      writer.attribute("dir", filesystem.source);
      break;
    case FilesystemType::File:
      writer.attribute("file", filesystem.source);
      break;
    case FilesystemType::Block:
      writer.attribute("dev", filesystem.source);
      break;
    case FilesystemType::Template:
      writer.attribute("name", filesystem.source);
      break;
    case FilesystemType::Ram:
      writer.attribute("usage", filesystem.ram_usage_bytes / 1024).attribute("units", "KiB");
      break;
    case FilesystemType::Volume:
      writer.attribute("pool", filesystem.pool).attribute("volume", filesystem.volume);
      break;
  }
  writer.close();
}

void write_space_limit(Writer& writer, const char* name, const std::optional<std::uint64_t>& bytes) {
  if (bytes) writer.open(name).attribute("unit", "bytes").text(std::to_string(*bytes)).close();
}

}  // namespace

void write_driver(Writer& writer, std::initializer_list<std::pair<std::string_view, std::string_view>> attributes,
                  const std::vector<Element>& others) {
  const bool said = std::any_of(attributes.begin(), attributes.end(),
                                [](const auto& attribute) { return !attribute.second.empty(); });
  if (!said && !has_stored(others, "driver")) return;
  writer.open("driver");
  for (const auto& [name, value] : attributes) writer.attribute_if(name, value);
  write_stored_rest(writer, others, "driver");
  writer.close();
}

void write_filesystem(Writer& writer, const Filesystem& filesystem, View view) {
  writer.open("filesystem").attribute("type", word_for(kFilesystemTypes, filesystem.type));
  writer.attribute_if("accessmode", filesystem.access_mode);
  writer.attribute_if("model", filesystem.model);
  writer.attribute_if("multidevs", filesystem.multidevs);
  if (filesystem.fmode) writer.attribute("fmode", octal_mode(*filesystem.fmode));
  if (filesystem.dmode) writer.attribute("dmode", octal_mode(*filesystem.dmode));
  // Also without a type: what format an image has is worth keeping.
  write_driver(writer,
               {{"type", filesystem.driver_type},
                {"format", filesystem.driver_format},
                {"wrpolicy", filesystem.driver_wrpolicy}},
               filesystem.others);
  write_stored_named(writer, filesystem.others, "binary");
  write_source(writer, filesystem);
  writer.open("target").attribute("dir", filesystem.target).close();
  if (filesystem.readonly) writer.empty("readonly");
  write_stored_named(writer, filesystem.others, "alias");
  write_driver_alias(writer, filesystem.alias, view);
  if (filesystem.address) write_stored(writer, *filesystem.address);
  write_space_limit(writer, "space_hard_limit", filesystem.space_hard_limit_bytes);
  write_space_limit(writer, "space_soft_limit", filesystem.space_soft_limit_bytes);
  writer.close();
}

void write_driver_alias(Writer& writer, const std::string& alias, View view) {
  if (view != View::Inactive && !alias.empty()) writer.open("alias").attribute("name", alias).close();
}

void write_console(Writer& writer, const Console& console, unsigned port, View view) {
  const bool live = view != View::Inactive && !console.path.empty();
  writer.open("console").attribute("type", console.type);
  if (live && port == 0) writer.attribute("tty", console.path);
  if (live) writer.open("source").attribute("path", console.path).close();
  for (const char* name : {"source", "protocol", "log"}) write_stored_named(writer, console.others, name);
  writer.open("target").attribute("type", console.target_type).attribute("port", port).close();
  write_driver_alias(writer, console.alias, view);
  write_stored_named(writer, console.others, "address");
  writer.close();
}

void write_devices(Writer& writer, const DomainDefinition& definition, View view) {
  const auto stored = [&](const char* name) { write_stored_named(writer, definition.other_devices, name); };
  writer.open("devices");
  writer.leaf_if("emulator", definition.emulator);
  for (const Disk& disk : definition.disks) write_disk(writer, disk, view);
  stored("controller");
  stored("lease");
  for (const Filesystem& filesystem : definition.filesystems) write_filesystem(writer, filesystem, view);
  for (const Interface& interface : definition.interfaces) write_interface(writer, interface, view);
  for (const char* name : {"smartcard", "serial", "parallel"}) stored(name);
  unsigned port = 0;
  for (const Console& console : definition.consoles) write_console(writer, console, port++, view);
  for (const char* name : {"channel", "tpm", "graphics", "sound", "audio", "video"}) stored(name);
  for (const HostDevice& device : definition.host_devices) write_host_device(writer, device, view);
  for (const char* name :
       {"redirfilter", "hub", "watchdog", "memballoon", "rng", "nvram", "panic", "shmem", "iommu", "vsock"})
    stored(name);
  writer.close();
}

}  // namespace domain_xml
