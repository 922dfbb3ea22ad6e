// The system call filter of a container: everything is allowed but what reaches past its namespaces into the host's
// kernel.
#pragma once

#include <cstdint>
#include <string>

namespace container {

/// struct sock_filter[] as bytes (seccomp(2)). Calls that a capability in `asked_for` exists for are left alone: who
/// turns it on by name wants to use it. Without a user namespace nobody may reconfigure a file system (mount(2),
/// MS_REMOUNT without MS_BIND): those that are bound into the container are the host's. Compiled once per distinct
/// program and kept. Any thread.
std::string seccomp_program(std::uint64_t asked_for, bool user_namespace);

}  // namespace container
