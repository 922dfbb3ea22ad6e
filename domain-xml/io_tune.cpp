#include "domain-xml/io_tune.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {
namespace {

// In libvirt's order.
constexpr const char* kLimitNames[] = {kReadBytesSec, kWriteBytesSec, kReadIopsSec, kWriteIopsSec};

bool is_io_tune(const Element& element) {
  return element.name == "iotune";
}

}  // namespace

IoTune io_tune(const Disk& disk) {
  IoTune tune;
  const auto found = std::find_if(disk.others.begin(), disk.others.end(), is_io_tune);
  if (found == disk.others.end()) return tune;
  for (const Element& limit : found->children) {
    const auto value = parse_number<std::uint64_t>(limit.text);
    if (value == 0u) continue;
    const bool known = std::any_of(std::begin(kLimitNames), std::end(kLimitNames),
                                   [&](const char* name) { return limit.name == name; });
    if (!known)
      base::fail(base::Code::ConfigUnsupported, "disk '", disk.target, "': '", limit.name,
                 "' is not supported, only the bytes and operations per second of reading and of writing are");
    if (value) tune[limit.name] = *value;
  }
  return tune;
}

void set_io_tune(Disk& disk, const IoTune& tune) {
  std::erase_if(disk.others, is_io_tune);
  Element element{.name = "iotune"};
  for (const char* name : kLimitNames)
    if (const auto limit = tune.find(name); limit != tune.end() && limit->second)
      element.children.push_back({.name = name, .text = std::to_string(limit->second)});
  if (!element.children.empty()) disk.others.push_back(std::move(element));
}

}  // namespace domain_xml
