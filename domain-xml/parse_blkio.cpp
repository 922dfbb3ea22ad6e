#include <set>

#include "base/error.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

/// 0 is what the kernel takes for no limit, so it stands for none given.
template <typename Number>
std::optional<Number> limit(const Node& device, const char* name) {
  const Node node = device.child(name);
  if (!node) return std::nullopt;
  const auto value = parse_number<Number>(node.text());
  if (!value)
    fail_from(From::Domain, Code::ConfigUnsupported, "invalid ", name, " '", node.text(), "' of a block device");
  return *value == 0 ? std::nullopt : value;
}

BlockDeviceTune parse_block_device(const Node& node) {
  BlockDeviceTune device{.path = node.child("path").text(),
                         .weight = limit<unsigned>(node, "weight"),
                         .read_iops_sec = limit<std::uint64_t>(node, "read_iops_sec"),
                         .write_iops_sec = limit<std::uint64_t>(node, "write_iops_sec"),
                         .read_bytes_sec = limit<std::uint64_t>(node, "read_bytes_sec"),
                         .write_bytes_sec = limit<std::uint64_t>(node, "write_bytes_sec")};
  if (device.path.empty()) fail_from(From::Domain, Code::ConfigUnsupported, "element 'blkiotune/device' has no path");
  return device;
}

}  // namespace

void parse_block_tune(const Node& domain, DomainDefinition& definition) {
  const Node node = domain.child("blkiotune");
  BlockTune& tune = definition.block_tune;
  const auto weight = parse_number<unsigned>(node.child("weight").text());
  if (weight && *weight != 0) tune.weight = weight;
  std::set<std::string> seen;
  for (const Node& child : node.children("device")) {
    BlockDeviceTune device = parse_block_device(child);
    if (!seen.insert(device.path).second)
      fail_from(From::Domain, Code::ConfigUnsupported, "duplicate blkiotune device path '", device.path, "'");
    tune.devices.push_back(std::move(device));
  }
  std::erase_if(tune.devices, [](const BlockDeviceTune& device) { return device == BlockDeviceTune{device.path}; });
}

}  // namespace domain_xml
