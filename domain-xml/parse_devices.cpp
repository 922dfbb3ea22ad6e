// Devices but network interfaces: emulator, filesystems, consoles, and those that are only kept.
#include <charconv>

#include "base/error.hpp"
#include "domain-xml/disk_name.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

std::uint64_t parse_ram_usage(const Node& source) {
  const auto text = source.attribute("usage");
  if (!text) fail_from(From::Domain, Code::XmlError, "a filesystem of type 'ram' needs 'usage' in its source");
  const auto value = parse_unsigned(*text);
  if (!value) fail_from(From::Domain, Code::XmlError, "invalid usage '", *text, "' of a filesystem of type 'ram'");
  const std::uint64_t bytes = scaled_bytes(*value, source.attribute_text("units"), 1024);
  // Whole KiB, because that is what is printed; never 0 for something, which would mean no limit.
  return bytes == 0 ? 0 : std::max<std::uint64_t>(bytes / 1024, 1) * 1024;
}

const char* source_attribute(FilesystemType type) {
  switch (type) {
    case FilesystemType::Mount:
    case FilesystemType::Bind:
      return "dir";
    case FilesystemType::File:
      return "file";
    case FilesystemType::Block:
      return "dev";
    case FilesystemType::Template:
      return "name";
    case FilesystemType::Ram:
    case FilesystemType::Volume:
      break;
  }
  return "";
}

void parse_filesystem_source(const Node& source, Filesystem& filesystem) {
  if (filesystem.type == FilesystemType::Ram) {
    filesystem.ram_usage_bytes = parse_ram_usage(source);
    return;
  }
  if (filesystem.type != FilesystemType::Volume) {
    const auto text = source.attribute(source_attribute(filesystem.type));
    if (text) filesystem.source = *text;
    // A socket in its place is the other end of a file server of its own.
    if (!text && !source.attribute("socket")) fail_from(From::Domain, Code::NoSource, filesystem.target);
    return;
  }
  if (!source) fail_from(From::Domain, Code::NoSource, filesystem.target);
  filesystem.pool = source.attribute_text("pool");
  filesystem.volume = source.attribute_text("volume");
  if (filesystem.pool.empty() || filesystem.volume.empty())
    fail_from(From::Domain, Code::XmlError, "the source of a filesystem of type 'volume' needs 'pool' and 'volume'");
}

void parse_filesystem_driver(const Node& driver, Filesystem& filesystem) {
  filesystem.driver_type = word_attribute(driver, "type", kFilesystemDrivers);
  filesystem.driver_format = driver.attribute_text("format");
  if (!filesystem.driver_format.empty() && !contains(kStorageFormats, filesystem.driver_format))
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown driver format '", filesystem.driver_format, "'");
  filesystem.driver_wrpolicy = word_attribute(driver, "wrpolicy", kWritePolicies);
  for (std::string* word : {&filesystem.driver_type, &filesystem.driver_wrpolicy})
    if (*word == "default") word->clear();
}

std::optional<std::uint64_t> parse_space_limit(const Node& filesystem, const char* name) {
  const Node node = filesystem.child(name);
  const std::string text = node.text();
  if (text.empty()) return std::nullopt;
  const auto value = parse_unsigned(text);
  if (!value) fail_from(From::Xml, Code::XmlError, "invalid value '", text, "' for element '", name, "'");
  if (*value == 0) return std::nullopt;
  return scaled_bytes(*value, node.attribute_text("unit"), 1);
}

/// Octal digits; printed with four. 0 is as good as none.
std::optional<unsigned> mode_attribute(const Node& node, const char* attribute) {
  const auto text = node.attribute(attribute);
  if (!text) return std::nullopt;
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), mode, 8);
  if (error != std::errc() || end != text->data() + text->size() || mode > 0777)
    fail_attribute_value(node, attribute, *text);
  return mode == 0 ? std::nullopt : std::optional(mode);
}

/// What only other drivers have a use for.
void parse_filesystem_rest(const Node& node, Filesystem& filesystem) {
  filesystem.others = parse_stored_children(node, "filesystem");
  parse_user_alias(node, filesystem.others);
  parse_stored_rest(node.child("driver"), "filesystem/driver", "driver", filesystem.others);
  parse_stored_rest(node.child("source"), "filesystem/source", "source", filesystem.others);
}

}  // namespace

Filesystem parse_filesystem(const Node& node, Source origin) {
  Filesystem filesystem;
  filesystem.type = word_attribute(node, "type", kFilesystemTypes, FilesystemType::Mount);
  filesystem.access_mode = word_attribute(node, "accessmode", kAccessModes);
  filesystem.fmode = mode_attribute(node, "fmode");
  filesystem.dmode = mode_attribute(node, "dmode");
  filesystem.model = word_attribute(node, "model", kFilesystemModels);
  filesystem.multidevs = word_attribute(node, "multidevs", kMultidevs);
  if (filesystem.multidevs == "default") filesystem.multidevs.clear();
  if (node.child("boot")) fail_from(From::Domain, Code::ConfigUnsupported, "a filesystem has no boot order");
  filesystem.target = node.child("target").attribute_text("dir");
  parse_filesystem_driver(node.child("driver"), filesystem);
  parse_filesystem_source(node.child("source"), filesystem);
  if (filesystem.target.empty()) fail_from(From::Domain, Code::NoTarget, filesystem.source);
  parse_filesystem_rest(node, filesystem);
  if (origin == Source::Status) filesystem.alias = driver_alias(node, filesystem.others);
  filesystem.readonly = static_cast<bool>(node.child("readonly"));
  if (const Node address = node.child("address")) filesystem.address = parse_stored(address, "address");
  filesystem.space_hard_limit_bytes = parse_space_limit(node, "space_hard_limit");
  filesystem.space_soft_limit_bytes = parse_space_limit(node, "space_soft_limit");
  return filesystem;
}

Console parse_console(const Node& node, Source source) {
  Console console;
  if (const auto type = node.attribute("type")) console.type = *type;
  if (!contains(kCharTypes, console.type))
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown character device type '", console.type, "'");
  const Node target = node.child("target");
  if (const auto type = target.attribute("type")) console.target_type = *type;
  if (!contains(kConsoleTargets, console.target_type))
    fail_from(From::Domain, Code::ConfigUnsupported, "unknown console target type '", console.target_type, "'");
  if (const auto port = target.attribute("port"); port && !parse_number<unsigned>(*port))
    fail_from(From::Domain, Code::XmlError, "invalid port number '", *port, "'");
  console.others = parse_stored_children(node, console.type == "pty" ? "console-pty" : "console");
  if (source == Source::Status) {
    if (console.type == "pty") console.path = node.child("source").attribute_text("path");
    console.alias = node.child("alias").attribute_text("name");
  }
  return console;
}

namespace {

/// Devices that no container can have, known to libvirt all the same.
void refuse_devices(const Node& devices) {
  for (const char* name : {"input", "redirdev", "memory"}) {
    const Code code = std::string_view(name) == "input" ? Code::InternalError : Code::ConfigUnsupported;
    if (devices.child(name)) fail_from(From::Domain, code, "a container cannot have a device '", name, "'");
  }
  for (const Node& video : devices.children("video"))
    if (!video.child("model")) fail_from(From::Domain, Code::InternalError, "a device 'video' needs a model");
  if (devices.child("graphics") && !devices.child("video"))
    fail_from(From::Domain, Code::InternalError, "a device 'graphics' needs a device 'video'");
}

}  // namespace

void parse_devices(const Node& domain, DomainDefinition& definition, Source source) {
  const Node devices = domain.child("devices");
  definition.emulator = devices.child("emulator").text();
  refuse_devices(devices);
  for (const Node& node : devices.children("disk")) definition.disks.push_back(parse_disk(node, source));
  sort_disks(definition.disks);
  for (const Node& node : devices.children("filesystem"))
    definition.filesystems.push_back(parse_filesystem(node, source));
  for (const Node& node : devices.children("interface")) definition.interfaces.push_back(parse_interface(node, source));
  for (const Node& node : devices.children("console")) definition.consoles.push_back(parse_console(node, source));
  for (const Node& node : devices.children("hostdev"))
    definition.host_devices.push_back(parse_host_device(node, source));
  definition.other_devices = parse_stored_children(devices, "devices");
}

}  // namespace domain_xml
