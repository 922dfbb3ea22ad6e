// Domain XML to values. Touches nothing but the given text: no network, no files, bounded depth and size.
#pragma once

#include <string>
#include <string_view>

#include "domain-xml/definition.hpp"

namespace domain_xml {

/// Parses one `<domain>` document. Throws XmlDetail (malformed, with line and caret), XmlError, NoName ... as
/// libvirt's own driver does, the first problem in its order winning. Fills in nothing but a random uuid where none
/// is given: see apply_defaults().
/// `id`, aliases and other live-only content is ignored.
DomainDefinition parse_domain(std::string_view xml);

/// Live content too (id excluded): what format_domain(.., View::Status) wrote, for reading our own state files.
DomainDefinition parse_status_domain(std::string_view xml);

}  // namespace domain_xml
