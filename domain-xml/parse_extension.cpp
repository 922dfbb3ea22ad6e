// <lxcell:container>: what libvirt's own elements cannot say. Strict, since only somebody who knows us writes it.
#include "base/error.hpp"
#include "domain-xml/names.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

constexpr std::uint32_t kMaxIds = 0xFFFFFFFF;  // the highest id means "none"

std::uint64_t required_number(const Node& node, const char* attribute) {
  const std::string text = required_attribute(node, attribute);
  const auto value = parse_unsigned(text);
  if (!value) fail_attribute_value(node, attribute, text);
  return *value;
}

std::optional<std::uint64_t> parse_limit(const Node& node, const char* attribute) {
  const std::string text = required_attribute(node, attribute);
  if (text == "unlimited") return std::nullopt;
  const auto value = parse_unsigned(text);
  if (!value) fail_attribute_value(node, attribute, text);
  return value;
}

ResourceLimit parse_resource_limit(const Node& node) {
  ResourceLimit limit{
      .name = required_attribute(node, "name"), .soft = parse_limit(node, "soft"), .hard = parse_limit(node, "hard")};
  if (!contains(kResourceLimitNames, limit.name)) fail_attribute_value(node, "name", limit.name);
  if (limit.hard && (!limit.soft || *limit.soft > *limit.hard))
    fail_from(From::Lxc, Code::ConfigUnsupported, "the soft limit of rlimit '", limit.name, "' is above the hard one");
  return limit;
}

RootOverlay parse_overlay(const Node& node) {
  RootOverlay overlay{.directory = node.attribute_text("directory")};
  if (node.attribute("size")) {
    const auto size = scaled_bytes(required_number(node, "size"), node.attribute_text("unit"), 1024);
    if (size == 0) fail_attribute_value(node, "size", "0");
    overlay.memory_limit_kib = size / 1024 + (size % 1024 ? 1 : 0);
  }
  if (!overlay.directory.empty() && !overlay.directory.starts_with('/'))
    fail_from(From::Lxc, Code::ConfigUnsupported, "the directory of the root overlay must be absolute, not '",
              overlay.directory, "'");
  if (overlay.memory_limit_kib && !overlay.directory.empty())
    fail_from(From::Lxc, Code::ConfigUnsupported, "'size' is for a root overlay without directory");
  return overlay;
}

AutomaticIdMap parse_automatic_idmap(const Node& node) {
  AutomaticIdMap map;
  if (node.attribute("count")) {
    const auto count = required_number(node, "count");
    if (count == 0 || count > kMaxIds) fail_attribute_value(node, "count", node.attribute_text("count"));
    map.count = static_cast<std::uint32_t>(count);
  }
  if (node.attribute("start")) {
    const auto start = required_number(node, "start");
    if (start == 0 || start + map.count > kMaxIds) fail_attribute_value(node, "start", node.attribute_text("start"));
    map.start = static_cast<std::uint32_t>(start);
  }
  return map;
}

bool asks_for_host_ids(const Node& node) {
  const auto mode = node.attribute("mode");
  if (mode && (*mode != "none" || node.attribute("count") || node.attribute("start")))
    fail_attribute_value(node, "mode", *mode);
  return mode.has_value();
}

void parse_child(const Node& node, Extension& extension) {
  const std::string name = node.name();
  if (name == "seccomp") {
    extension.seccomp = required_attribute(node, "profile");
    if (!extension.seccomp.starts_with('/') && !contains(kSeccompProfiles, extension.seccomp))
      fail_attribute_value(node, "profile", extension.seccomp);
  } else if (name == "pids") {
    extension.pids_limit = required_number(node, "limit");
    if (*extension.pids_limit == 0) fail_attribute_value(node, "limit", "0");
  } else if (name == "rlimit") {
    extension.resource_limits.push_back(parse_resource_limit(node));
  } else if (name == "overlay") {
    extension.overlay = parse_overlay(node);
  } else if (name == "idmap") {
    extension.host_ids = asks_for_host_ids(node);
    if (!extension.host_ids) extension.idmap = parse_automatic_idmap(node);
  } else {
    fail_from(From::Lxc, Code::ConfigUnsupported, "unknown element '", name, "' in 'lxcell:container', line ",
              node.line());
  }
}

void require_once(const std::vector<Node>& children) {
  for (std::size_t i = 0; i < children.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const bool same = children[i].name() == children[j].name();
      if (same && children[i].attribute("name") == children[j].attribute("name"))
        fail_from(From::Lxc, Code::ConfigUnsupported, "element '", children[i].name(),
                  "' in 'lxcell:container' is given twice, line ", children[i].line());
    }
}

}  // namespace

void parse_extension(const Node& domain, DomainDefinition& definition) {
  bool seen = false;
  for (const Node& block : domain.all_children()) {
    if (block.name() != "container" || block.namespace_uri() != kExtensionNamespace) continue;
    if (seen) fail_from(From::Lxc, Code::ConfigUnsupported, "element 'lxcell:container' is given twice");
    seen = true;
    const auto children = block.all_children();
    require_once(children);
    for (const Node& node : children) parse_child(node, definition.extension);
  }
}

}  // namespace domain_xml
