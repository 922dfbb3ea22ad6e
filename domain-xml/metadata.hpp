// virDomainSetMetadata and virDomainGetMetadata on a definition: title, description, and one element per namespace.
#pragma once

#include <optional>
#include <string>

#include "domain-xml/definition.hpp"

namespace domain_xml {

/// The element with namespace `uri` inside `<metadata>`, printed without its prefix as libvirt does; nullopt if absent.
std::optional<std::string> get_metadata_element(const DomainDefinition& definition, const std::string& uri);
/// Replaces (or with nullopt removes) the element of namespace `uri`; `key` becomes its prefix. Throws
/// XmlDetail/InvalidArg.
void set_metadata_element(DomainDefinition& definition, const std::string& uri, const std::string& key,
                          const std::optional<std::string>& xml);

/// nullopt and empty text remove. Throws InvalidArg for a title of several lines, XmlError for text that a definition
/// could not be read back with.
void set_title(DomainDefinition& definition, const std::optional<std::string>& title);
void set_description(DomainDefinition& definition, const std::optional<std::string>& description);

/// More would not fit a definition that has to be read back (kMaxDocumentBytes, with room for indentation).
constexpr std::size_t kMaxMetadataBytes = 1024 * 1024;

}  // namespace domain_xml
