#include "domain-xml/native.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/error.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/native_parts.hpp"
#include "domain-xml/values.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

namespace {

constexpr Word<NativeFormat> kNativeFormats[] = {
    {NativeFormat::LxcTools, "lxc-tools"},
    {NativeFormat::OciRuntime, "oci-runtime"},
};

constexpr std::uint64_t kDefaultMemoryKib = 65536;  // stock's, for a configuration without a limit

}  // namespace

std::optional<NativeFormat> parse_native_format(std::string_view word) {
  return find_word(kNativeFormats, word);
}

FromNative from_native(NativeFormat format, std::string_view text) {
  require_native_text(text);
  return format == NativeFormat::LxcTools ? from_lxc_tools(text) : from_oci_runtime(text);
}

std::string to_native(NativeFormat format, const DomainDefinition& definition) {
  return format == NativeFormat::LxcTools ? to_lxc_tools(definition) : to_oci_runtime(definition);
}

void begin_conversion(Conversion& conversion) {
  conversion.definition.uuid = base::Uuid::random();
  conversion.definition.name = "unnamed";
  conversion.definition.os.init = "/sbin/init";
}

void set_native_name(Conversion& conversion, const std::string& origin, const std::string& name) {
  if (name.empty() || name.find_first_of("/\n") != std::string::npos)
    base::fail(base::Code::XmlError, origin, ": no name for a domain");
  conversion.definition.name = name;
}

void set_native_capabilities(Conversion& conversion, const std::string& origin, CapabilityPolicy policy,
                             const std::vector<std::string>& names) {
  auto& feature = conversion.definition.features.capabilities;
  if (!feature) feature.emplace();
  feature->policy = policy;
  for (std::string name : names) {
    std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c | 0x20 : c; });
    if (name.starts_with("cap_")) name.erase(0, 4);
    if (contains(kCapabilityNames, name))
      feature->states[name] = policy == CapabilityPolicy::Deny;
    else
      conversion.skip(origin, "the domain XML has no capability '" + name + "'");
  }
}

Filesystem root_filesystem(FilesystemType type, const std::string& source) {
  Filesystem root{.type = type, .access_mode = "passthrough", .source = source, .target = "/"};
  if (type == FilesystemType::File) {
    root.driver_type = "loop";
    root.driver_format = "raw";
  }
  return root;
}

bool has_links(const DomainDefinition& definition) {
  const auto& devices = definition.host_devices;
  return !definition.interfaces.empty() ||
         std::any_of(devices.begin(), devices.end(), [](const HostDevice& device) { return device.type == "net"; });
}

void finish_conversion(Conversion& conversion, NetworkNamespace network) {
  DomainDefinition& definition = conversion.definition;
  definition.features.privnet = network == NetworkNamespace::Own && !has_links(definition);
  if (definition.consoles.empty()) definition.consoles.emplace_back();
  if (definition.memory_kib == 0) {
    definition.memory_kib = kDefaultMemoryKib;
    conversion.skip("no memory limit", "a domain has one: 64 MiB");
  }
  definition.current_memory_kib = definition.memory_kib;
  const auto& swap = definition.memory_tune.swap_hard_limit_kib;
  if (swap && *swap < definition.memory_kib)
    base::fail(base::Code::InvalidArg, "memory and swap together may not be less than memory: ", *swap, " KiB, ",
               definition.memory_kib, " KiB");
}

std::vector<std::string> lost_lines(const DomainDefinition& given, const DomainDefinition& again) {
  // What the host or the format's defaults decide is no loss.
  DomainDefinition wanted = given, got = again;
  got.emulator = wanted.emulator;
  if (got.os.arch.empty()) got.os.arch = wanted.os.arch;
  wanted.current_memory_kib = wanted.current_memory_kib == 0 ? wanted.memory_kib : wanted.current_memory_kib;
  for (Filesystem& filesystem : wanted.filesystems)
    if (filesystem.access_mode.empty()) filesystem.access_mode = "passthrough";
  if (!wanted.interfaces.empty()) wanted.features.privnet = false;

  const auto lines = [](const DomainDefinition& definition) {
    std::vector<std::string> found;
    for (std::string& line : split(format_domain(definition, View::Inactive), '\n'))
      found.push_back(line.substr(std::min(line.find_first_not_of(' '), line.size())));
    return found;
  };
  std::unordered_map<std::string, std::size_t> kept;
  for (std::string& line : lines(got)) ++kept[std::move(line)];
  std::vector<std::string> lost;
  for (std::string& line : lines(wanted)) {
    const auto same = kept.find(line);
    if (same != kept.end() && same->second != 0)
      --same->second;
    else if (!line.starts_with("</"))
      lost.push_back(std::move(line));
  }
  return lost;
}

Filesystem native_root(const DomainDefinition& definition) {
  const auto& filesystems = definition.filesystems;
  const auto root = std::find_if(filesystems.begin(), filesystems.end(),
                                 [](const Filesystem& filesystem) { return filesystem.target == "/"; });
  if (root == filesystems.end()) return root_filesystem(FilesystemType::Mount, "/");
  if (root->type != FilesystemType::Mount && root->type != FilesystemType::Block && root->type != FilesystemType::File)
    base::fail(base::Code::ConfigUnsupported, "a root filesystem of type '", word_for(kFilesystemTypes, root->type),
               "' cannot be said in this format");
  return *root;
}

}  // namespace domain_xml
