// Any text as a foreign configuration: either refused with our own error, or a definition that can be printed as XML,
// that its own format says again without loss, and that the other format says in a text of which the same is true.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "domain-xml/defaults.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/native_parts.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/validate.hpp"
#include "domain-xml/values.hpp"
#include "domain-xml/words.hpp"

namespace {

using domain_xml::DomainDefinition;
using domain_xml::NativeFormat;

const domain_xml::DefaultsContext kHost{.host_arch = "x86_64", .emulator = "/e"};

void require(bool holds) {
  if (!holds) std::abort();
}

void check_xml(DomainDefinition definition) {
  apply_defaults(definition, kHost);
  if (!validate(definition, kHost).empty()) return;
  DomainDefinition again = domain_xml::parse_domain(format_domain(definition, domain_xml::View::Inactive));
  apply_defaults(again, kHost);
  require(again == definition);
}

/// What a definition says by being silent is written out for other programs: memory is a limit, and the capabilities
/// that nobody spoke of are those the policy 'default' keeps.
DomainDefinition spelled_out(DomainDefinition definition) {
  auto& limit = definition.memory_tune.hard_limit_kib;
  if (!limit && definition.memory_kib < domain_xml::kUnlimitedKib) limit = definition.memory_kib;
  auto& capabilities = definition.features.capabilities;
  if (!capabilities) {
    capabilities = {.policy = domain_xml::CapabilityPolicy::Deny};
    for (const char* name : domain_xml::kCapabilityNames)
      if (!domain_xml::contains(domain_xml::kDroppedByDefault, name)) capabilities->states[name] = true;
  }
  return definition;
}

/// `definition` was said in `format`, so all of it can be.
void check_same_format(NativeFormat format, const DomainDefinition& definition) {
  DomainDefinition again = from_native(format, to_native(format, definition)).definition;
  again.uuid = definition.uuid;  // which neither format has
  require(domain_xml::lost_lines(definition, again).empty());
  require(spelled_out(again) == spelled_out(definition));
}

/// Nothing when there is no saying what the root filesystem is.
std::optional<DomainDefinition> in_other_format(NativeFormat format, const DomainDefinition& definition) {
  try {
    return from_native(format, to_native(format, definition)).definition;
  } catch (const base::Error& error) {
    require(error.code() == base::Code::ConfigUnsupported);
    return std::nullopt;
  }
}

void check(NativeFormat format, NativeFormat other, std::string_view text) {
  const DomainDefinition definition = from_native(format, text).definition;
  // Read by us, so nothing may be wrong with it: an error from here on is a finding.
  try {
    check_xml(definition);
    check_same_format(format, definition);
    if (const auto translated = in_other_format(other, definition)) check_same_format(other, *translated);
  } catch (const base::Error&) {
    std::abort();
  }
}

void try_as(NativeFormat format, NativeFormat other, std::string_view text) {
  try {
    check(format, other, text);
  } catch (const base::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_as(NativeFormat::LxcTools, NativeFormat::OciRuntime, text);
  try_as(NativeFormat::OciRuntime, NativeFormat::LxcTools, text);
  return 0;
}
