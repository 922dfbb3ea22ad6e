// Namespaces a container takes over instead of getting its own: <lxc:sharenet>, <lxc:shareipc>, <lxc:shareuts>.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "domain-xml/definition.hpp"

namespace container {

/// Descriptors of a running domain's namespaces, of any kind and in any order. Throws NoDomain or OperationInvalid.
using FindNamespaces = std::function<std::vector<base::Fd>(const std::string& domain)>;

/// One descriptor per shared namespace. Throws OperationInvalid naming whose it was to be if that is not running,
/// SystemError for a named network namespace that does not exist.
std::vector<base::Fd> open_shared_namespaces(const domain_xml::DomainDefinition& definition,
                                             const FindNamespaces& find);

/// Whether it is the calling thread's own too. `kind` as in /proc/PID/ns: "net", "user". Throws SystemError.
bool is_own_namespace(int name_space, const char* kind);

}  // namespace container
