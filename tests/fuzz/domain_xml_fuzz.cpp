// Any text: either refused with our own error, or read, printed and read again to the same definition.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "domain-xml/defaults.hpp"
#include "domain-xml/device.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/validate.hpp"

namespace {

using domain_xml::View;

const domain_xml::DefaultsContext kHost{.host_arch = "x86_64", .emulator = "/e"};

void require(bool holds) {
  if (!holds) std::abort();
}

void check(std::string_view text) {
  domain_xml::DomainDefinition definition = domain_xml::parse_domain(text);
  apply_defaults(definition, kHost);
  (void)validate(definition, kHost);
  const std::string inactive = format_domain(definition, View::Inactive);
  // Printed by us, so nothing may be wrong with it: an error from here on is a finding.
  try {
    require(domain_xml::parse_status_domain(format_domain(definition, View::Status, 1)) == definition);
    domain_xml::DomainDefinition again = domain_xml::parse_domain(inactive);
    apply_defaults(again, kHost);
    require(again == definition);
    require(format_domain(again, View::Inactive) == inactive);
  } catch (const base::Error&) {
    std::abort();
  }
}

/// The same text as one device, as a call that attaches it reads it.
void check_device(std::string_view text) {
  domain_xml::Device device = domain_xml::parse_device(text);
  apply_defaults(device, kHost);
  require_valid(device);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto one : {check, check_device}) {
    try {
      one(text);
    } catch (const base::Error&) {
    }
  }
  return 0;
}
