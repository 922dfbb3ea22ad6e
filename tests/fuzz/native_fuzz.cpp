// Any text as a foreign configuration: either refused with our own error, or a definition that can be printed as XML
// and that its own format says again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "domain-xml/defaults.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/native.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/validate.hpp"

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

void check(NativeFormat format, std::string_view text) {
  DomainDefinition definition = from_native(format, text).definition;
  // Read by us, so nothing may be wrong with it: an error from here on is a finding.
  try {
    check_xml(definition);
    // What a configuration leaves open is written out, so the second way there and back is the one that changes
    // nothing.
    const DomainDefinition again = from_native(format, to_native(format, definition)).definition;
    DomainDefinition third = from_native(format, to_native(format, again)).definition;
    third.uuid = again.uuid;
    require(third == again);
  } catch (const base::Error&) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const NativeFormat format : {NativeFormat::LxcTools, NativeFormat::OciRuntime}) {
    try {
      check(format, {reinterpret_cast<const char*>(data), size});
    } catch (const base::Error&) {
    }
  }
  return 0;
}
