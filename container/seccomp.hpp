// The system call filter of a container: everything is allowed but what reaches past its namespaces into the host's
// kernel.
#pragma once

#include <cstdint>
#include <string>

namespace container {

/// struct sock_filter[] as bytes (seccomp(2)). Calls that a capability in `asked_for` exists for are left alone: who
/// turns it on by name wants to use it. Compiled once per distinct program and kept. Any thread.
std::string seccomp_program(std::uint64_t asked_for);

}  // namespace container
