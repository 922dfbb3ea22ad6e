// Small domain documents for the tests, and what comes of them.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "domain-xml/defaults.hpp"
#include "domain-xml/definition.hpp"
#include "domain-xml/schema.hpp"

namespace domain_xml {

inline const DefaultsContext kHost{.host_arch = "x86_64", .emulator = "/usr/libexec/lxcell-supervisor"};

/// Pieces of a document; each has a valid default.
struct Pieces {
  std::string name = "<name>web</name>", uuid = "<uuid>6f1c1b0e-96a1-4bb2-8f4c-5a3f5c0b7a01</uuid>";
  std::string memory = "<memory>65536</memory>";
  std::string os = "<type>exe</type><init>/sbin/init</init>";
  std::string top;      // anything more below <domain>
  std::string devices;  // below <devices>
  std::string type = "type='lxc'";
};

std::string document(const Pieces& pieces);
/// The document parsed, with defaults and checked: what a define call does.
DomainDefinition define(const std::string& xml);
/// Its inactive dump, or one member of it.
std::string dump(const std::string& xml);

/// schemas/lxcell-domain.rng
const Schema& our_schema();

/// The error `call` throws; nothing when it does not.
std::optional<base::Error> error_of(const std::function<void()>& call);

}  // namespace domain_xml
