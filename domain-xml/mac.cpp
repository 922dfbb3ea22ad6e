#include "domain-xml/mac.hpp"

#include <charconv>

#include "base/uuid.hpp"
#include "domain-xml/format.hpp"

namespace domain_xml {

std::optional<MacAddress> parse_mac(std::string_view text) {
  MacAddress mac;
  for (std::size_t group = 0; group < mac.bytes.size(); ++group) {
    if (group != 0) {
      if (!text.starts_with(':')) return std::nullopt;
      text.remove_prefix(1);
    }
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + std::min<std::size_t>(text.size(), 2), mac.bytes[group], 16);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  if (!text.empty()) return std::nullopt;
  return mac;
}

MacAddress random_mac() {
  const auto random = base::Uuid::random().bytes;
  return MacAddress{{0x52, 0x54, 0x00, random[0], random[1], random[2]}};
}

std::string format_mac(const MacAddress& mac) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : mac.bytes) {
    if (!text.empty()) text += ':';
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

}  // namespace domain_xml
