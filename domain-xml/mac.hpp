// MAC addresses as text.
#pragma once

#include <optional>
#include <string_view>

#include "domain-xml/definition.hpp"

namespace domain_xml {

/// Six groups of one or two hexadecimal digits with colons between; nullopt for anything else.
std::optional<MacAddress> parse_mac(std::string_view text);
/// Three random bytes behind 52:54:00, the prefix libvirt uses.
MacAddress random_mac();

}  // namespace domain_xml
