// Configurations of other container programs to definitions and back: LXC's `lxc.container.conf` and the OCI runtime's
// `config.json`. Touches nothing but the given text. What has no counterpart is listed, never dropped in silence.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain-xml/definition.hpp"

namespace domain_xml {

enum class NativeFormat { LxcTools, OciRuntime };

/// "lxc-tools", "oci-runtime"; nullopt for any other word.
std::optional<NativeFormat> parse_native_format(std::string_view word);

struct FromNative {
  DomainDefinition definition;           // with a random uuid; see apply_defaults() for the rest
  std::vector<std::string> unconverted;  // "line 12: lxc.apparmor.profile = generated: not converted"
};

/// Throws ConfSyntax when `text` is not of the format, InvalidArg for a wrong value and ConfigUnsupported for what
/// leaves no definition (no root filesystem), each naming the line or the JSON path. Text of more than 4 MiB, nested
/// deeper than 64 levels or with a name given twice in a JSON object is refused.
FromNative from_native(NativeFormat format, std::string_view text);

/// What the format cannot say stands in it as the XML lines that are lost: comments (`# not converted: ...`) for LXC,
/// the annotation `org.libvirt.lxcell.not-converted` for OCI. Throws ConfigUnsupported when there is no saying what
/// the root filesystem is.
std::string to_native(NativeFormat format, const DomainDefinition& definition);

}  // namespace domain_xml
