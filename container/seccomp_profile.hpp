// Profiles in files: linux.seccomp of the OCI runtime specification, and the form that Docker and Podman read, whose
// rules may depend on capabilities, architecture and kernel (`includes`, `excludes`, `archMap`).
#pragma once

#include <string>
#include <string_view>

#include "container/seccomp.hpp"
#include "container/seccomp_filter.hpp"

namespace container {

/// Names of calls that libseccomp does not know are left out, as the runtimes do; anything else that is not understood
/// is ConfigUnsupported or InvalidArg with its place ("syscalls[3].args[0].op"). `kernel` is a release as uname(2) has
/// it.
SeccompFilter parse_seccomp_profile(std::string_view text, const SeccompSubject& subject, const std::string& kernel);

}  // namespace container
