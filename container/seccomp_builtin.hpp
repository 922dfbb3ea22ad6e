// The profiles that need no file.
#pragma once

#include "container/seccomp.hpp"
#include "container/seccomp_filter.hpp"

namespace container {

/// For systems: everything is allowed but what reaches past the container's namespaces into the host's kernel, and what
/// needs a capability that it does not have. A capability that was asked for by name brings its calls back.
SeccompFilter default_seccomp(const SeccompSubject& subject);
/// For single services: besides, no namespaces or mounts of their own, no looking into other processes, no second ABI.
SeccompFilter strict_seccomp(const SeccompSubject& subject);

}  // namespace container
