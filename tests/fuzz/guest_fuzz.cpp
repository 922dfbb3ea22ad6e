// A container's own files: whatever is in them is read to the end, and no time zone is more than a week from Greenwich.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "container/guest_text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  container::parse_os_release(text);
  container::parse_utmp(text);
  container::file_systems_of(container::parse_mountinfo(text));
  container::parse_zone(text, 1768478400);
  if (const auto moment = container::parse_zone_rule(text, 1768478400))
    if (moment->offset < -168 * 3600 || moment->offset > 169 * 3600) std::abort();
  if (const auto changed = container::with_password(text, "root", "hash", 1))
    if (changed->find("root:hash:1:") == std::string::npos) std::abort();
  return 0;
}
