#include "domain-xml/disk_name.hpp"

#include <algorithm>

namespace domain_xml {

namespace {

struct Prefix {
  std::string_view text, bus;
};

// Longer ones first: "xvd" would also do for nothing shorter, "ubd" neither.
constexpr Prefix kPrefixes[] = {{"xvd", "xen"}, {"ubd", "uml"},   {"fd", "fdc"},
                                {"hd", "ide"},  {"vd", "virtio"}, {"sd", "scsi"}};

const Prefix* prefix_of(std::string_view name) {
  const auto* found = std::find_if(std::begin(kPrefixes), std::end(kPrefixes),
                                   [&](const Prefix& prefix) { return name.starts_with(prefix.text); });
  return found == std::end(kPrefixes) ? nullptr : found;
}

}  // namespace

std::optional<unsigned> disk_index(std::string_view name) {
  constexpr std::size_t kMaxLetters = 5;  // more would not fit the number
  const Prefix* const prefix = prefix_of(name);
  if (prefix == nullptr) return std::nullopt;
  name.remove_prefix(prefix->text.size());
  unsigned number = 0;
  std::size_t letters = 0;
  while (letters < name.size() && name[letters] >= 'a' && name[letters] <= 'z') {
    number = number * 26 + static_cast<unsigned>(name[letters] - 'a') + 1;
    if (++letters > kMaxLetters) return std::nullopt;
  }
  const std::string_view partition = name.substr(letters);
  const bool digits = partition.find_first_not_of("0123456789") == std::string_view::npos;
  if (letters == 0 || !digits || (partition.size() > 1 && partition[0] == '0')) return std::nullopt;
  return number - 1;
}

std::string disk_bus(std::string_view name) {
  const Prefix* const prefix = prefix_of(name);
  return std::string(prefix == nullptr ? "ide" : prefix->bus);
}

std::optional<DriveAddress> drive_address(std::string_view bus, unsigned index) {
  if (bus == "scsi") return DriveAddress{.controller = index / 7, .unit = index % 7};
  if (bus == "ide") return DriveAddress{.controller = index / 4, .bus = index % 4 / 2, .unit = index % 2};
  if (bus == "sata") return DriveAddress{.controller = index / 6, .unit = index % 6};
  if (bus == "fdc") return DriveAddress{.controller = index / 2, .unit = index % 2};
  return std::nullopt;
}

void sort_disks(std::vector<Disk>& disks) {
  const auto index = [](const Disk& disk) { return disk_index(disk.target).value_or(0); };
  std::stable_sort(disks.begin(), disks.end(), [&](const Disk& a, const Disk& b) { return index(a) < index(b); });
}

}  // namespace domain_xml
