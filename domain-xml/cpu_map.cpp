#include "domain-xml/cpu_map.hpp"

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "domain-xml/node.hpp"

namespace domain_xml {
namespace {

using base::Code;

struct Family {
  const char* arch;
  const char* family;
};
constexpr Family kFamilies[] = {{"x86_64", "x86"},  {"i686", "x86"},   {"ppc64", "ppc64"}, {"ppc64le", "ppc64"},
                                {"aarch64", "arm"}, {"armv6l", "arm"}, {"armv7b", "arm"},  {"armv7l", "arm"},
                                {"s390", "s390"},   {"s390x", "s390"}};

/// "0x80000001"; 0 for an attribute that is not there.
std::uint32_t hexadecimal(const Node& node, const char* name) {
  const std::string text = node.attribute_text(name);
  if (text.empty()) return 0;
  std::uint32_t value = 0;
  const char* const begin = text.data() + (text.starts_with("0x") ? 2 : 0);
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size())
    base::fail(Code::XmlError, "bad number '", text, "' in libvirt's CPU map");
  return value;
}

CpuFeature parse_feature(const Node& node) {
  CpuFeature feature{.name = node.attribute_text("name"), .migratable = node.attribute_text("migratable") != "no"};
  if (const Node cpuid = node.child("cpuid")) {
    feature.question = {false, hexadecimal(cpuid, "eax_in"), hexadecimal(cpuid, "ecx_in")};
    feature.bits = {hexadecimal(cpuid, "eax"), hexadecimal(cpuid, "ebx"), hexadecimal(cpuid, "ecx"),
                    hexadecimal(cpuid, "edx")};
  } else if (const Node msr = node.child("msr")) {
    feature.question = {true, hexadecimal(msr, "index"), 0};
    feature.bits = {.eax = hexadecimal(msr, "eax"), .edx = hexadecimal(msr, "edx")};
  }
  return feature;
}

CpuModel parse_model(const Node& node) {
  CpuModel model{.name = node.attribute_text("name"), .vendor = node.child("vendor").attribute_text("name")};
  model.guest = node.child("decode").attribute_text("guest") != "off";
  for (const Node& feature : node.children("feature"))
    (feature.attribute_text("removed") == "yes" ? model.removed : model.features)
        .insert(feature.attribute_text("name"));
  return model;
}

void parse_part(CpuMap& map, const Node& node) {
  if (node.name() == "feature") map.features.push_back(parse_feature(node));
  if (node.name() == "model") map.models.push_back(parse_model(node));
  if (node.name() == "vendor") map.vendors.push_back({node.attribute_text("name"), node.attribute_text("string")});
}

bool has(const CpuRegisters& values, const CpuRegisters& bits) {
  const bool none = !(bits.eax | bits.ebx | bits.ecx | bits.edx);
  return !none && (values.eax & bits.eax) == bits.eax && (values.ebx & bits.ebx) == bits.ebx &&
         (values.ecx & bits.ecx) == bits.ecx && (values.edx & bits.edx) == bits.edx;
}

/// Leaf 0 spells the vendor in ebx, edx, ecx.
std::string signature(const CpuRegisters& values) {
  std::string text;
  for (const std::uint32_t word : {values.ebx, values.edx, values.ecx})
    for (int shift = 0; shift < 32; shift += 8) text += static_cast<char>(word >> shift & 0xff);
  return text;
}

template <typename Values>
auto named(const Values& values, const std::string& name) {
  const auto found = std::find_if(values.begin(), values.end(), [&](const auto& one) { return one.name == name; });
  return found == values.end() ? nullptr : &*found;
}

}  // namespace

const CpuModel* CpuMap::model(const std::string& name) const {
  return named(models, name);
}

const CpuFeature* CpuMap::feature(const std::string& name) const {
  return named(features, name);
}

std::string cpu_family(const std::string& arch) {
  for (const auto& entry : kFamilies)
    if (arch == entry.arch) return entry.family;
  return "";
}

CpuMap parse_cpu_map(const std::string& arch, const std::function<std::string(const std::string&)>& read_file) {
  CpuMap map;
  const Document index(read_file("index.xml"), "(CPU_map)");
  for (const Node& family : index.root().children("arch")) {
    if (family.attribute_text("name") != cpu_family(arch)) continue;
    for (const Node& part : family.children()) {
      parse_part(map, part);
      if (part.name() != "include") continue;
      const Document file(read_file(part.attribute_text("filename")), "(CPU_map)");
      for (const Node& included : file.root().children()) parse_part(map, included);
    }
  }
  return map;
}

HostProcessor describe_processor(const std::string& arch, const CpuMap& map,
                                 const std::function<std::optional<CpuRegisters>(const CpuQuestion&)>& read) {
  HostProcessor host{.arch = arch};
  if (const auto values = read({}))
    for (const auto& vendor : map.vendors)
      if (vendor.signature == signature(*values)) host.vendor = vendor.name;
  for (const auto& feature : map.features)
    if (const auto values = read(feature.question); values && has(*values, feature.bits))
      host.features.insert(feature.name);
  return host;
}

}  // namespace domain_xml
