// RELAX NG validation (the VALIDATE flags): stricter than parsing, unknown elements and attributes are refused.
#pragma once

#include <string>
#include <string_view>

namespace domain_xml {

/// Throws XmlInvalidSchema naming `schema_path` and the first offending element with its line, XmlDetail for malformed
/// text, SystemError or InternalError when the schema itself cannot be read.
void validate_schema(std::string_view xml, const std::string& schema_path);

}  // namespace domain_xml
