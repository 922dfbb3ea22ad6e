#include "container/smbios.hpp"

#include "container/sysfs.hpp"

namespace container {
namespace {

struct TableWord {
  const char *section, *entry, *file;
};
// Sections and entries in libvirt's order and words; files in the kernel's.
constexpr TableWord kWords[] = {
    {"bios", "vendor", "bios_vendor"},
    {"bios", "version", "bios_version"},
    {"bios", "date", "bios_date"},
    {"bios", "release", "bios_release"},
    {"system", "manufacturer", "sys_vendor"},
    {"system", "product", "product_name"},
    {"system", "version", "product_version"},
    {"system", "serial", "product_serial"},
    {"system", "uuid", "product_uuid"},
    {"system", "sku", "product_sku"},
    {"system", "family", "product_family"},
    {"baseBoard", "manufacturer", "board_vendor"},
    {"baseBoard", "product", "board_name"},
    {"baseBoard", "version", "board_version"},
    {"baseBoard", "serial", "board_serial"},
    {"baseBoard", "asset", "board_asset_tag"},
    {"chassis", "manufacturer", "chassis_vendor"},
    {"chassis", "version", "chassis_version"},
    {"chassis", "serial", "chassis_serial"},
    {"chassis", "asset", "chassis_asset_tag"},
};

}  // namespace

std::vector<domain_xml::SysinfoSection> read_smbios(const std::string& root) {
  std::vector<domain_xml::SysinfoSection> sections;
  for (const auto& word : kWords) {
    const auto value = first_line(root + "/sys/class/dmi/id/" + word.file);
    if (!value || value->empty()) continue;
    if (sections.empty() || sections.back().name != word.section) sections.push_back({word.section, {}});
    sections.back().entries.emplace_back(word.entry, *value);
  }
  return sections;
}

}  // namespace container
