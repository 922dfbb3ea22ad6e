#include "container/ksm.hpp"

#include <fcntl.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/sysfs.hpp"

namespace container {
namespace {

struct Setting {
  const char* file;
  std::optional<std::uint64_t> Ksm::*value;
};
constexpr Setting kSettable[] = {{"pages_to_scan", &Ksm::pages_to_scan},
                                 {"sleep_millisecs", &Ksm::sleep_millisecs},
                                 {"merge_across_nodes", &Ksm::merge_across_nodes}};
constexpr Setting kCounters[] = {{"pages_shared", &Ksm::pages_shared},
                                 {"pages_sharing", &Ksm::pages_sharing},
                                 {"pages_unshared", &Ksm::pages_unshared},
                                 {"pages_volatile", &Ksm::pages_volatile},
                                 {"full_scans", &Ksm::full_scans}};

void write_settings(const Ksm& wanted, const std::string& directory) {
  for (const auto& setting : kSettable) {
    const auto& value = wanted.*setting.value;
    if (!value) continue;
    const std::string path = directory + "/" + setting.file, text = std::to_string(*value);
    const base::Fd fd = base::open_file(path, O_WRONLY);
    base::write_all(fd.get(), text.data(), text.size(), path);
  }
}

}  // namespace

Ksm read_ksm(const std::string& directory) {
  Ksm ksm;
  const auto read = [&](const Setting& setting) {
    if (const auto line = first_line(directory + "/" + setting.file)) ksm.*setting.value = parse_number(*line);
  };
  for (const auto& setting : kSettable) read(setting);
  for (const auto& setting : kCounters) read(setting);
  return ksm;
}

void change_ksm(const Ksm& wanted, const std::string& directory) {
  const Ksm before = read_ksm(directory);
  try {
    write_settings(wanted, directory);
  } catch (base::Error& error) {
    try {
      write_settings(before, directory);
    } catch (const base::Error& also) {
      error.append(also.detail());
    }
    throw;
  }
}

}  // namespace container
