// A domain's 16-byte identity and its text form.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace base {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Uuid&) const = default;

  /// A random (version 4) UUID from getrandom(2).
  static Uuid random();
};

/// Dashes optional, case ignored, as libvirt reads them; nullopt for anything else.
std::optional<Uuid> parse_uuid(std::string_view text);
/// Lower case with dashes, 36 characters.
std::string format_uuid(const Uuid& uuid);

}  // namespace base

template <>
struct std::hash<base::Uuid> {
  std::size_t operator()(const base::Uuid& uuid) const noexcept {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size()});
  }
};
