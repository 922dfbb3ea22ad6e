// The children of <metadata> between document and definition; private to this library.
#pragma once

#include <string>

#include "domain-xml/node.hpp"

namespace domain_xml {

/// The element children of `metadata` that have a namespace, the first of each, as canonical text without indentation.
std::string metadata_text(const Node& metadata);
/// That text with every element indented for `depth` levels, ready for Writer::raw().
std::string print_metadata(const std::string& text, std::size_t depth);

}  // namespace domain_xml
