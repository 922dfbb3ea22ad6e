// A running container seen through the host's /proc, and commands run within it.
#pragma once

#include <libvirt/libvirt.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "support/command.hpp"

namespace support {

/// The container's init as a host process: the child of the process whose pid is the domain's id. -1 if there is none.
pid_t init_pid(virDomainPtr domain);
/// A file of init's /proc directory.
std::string proc_file(pid_t pid, const std::string& name);
/// Where a link in init's /proc directory leads ("ns/net", "cwd", "fd/0").
std::string proc_link(pid_t pid, const std::string& name);
/// "Key:\tvalue" lines of /proc/PID/status: the value.
std::string status_value(pid_t pid, const std::string& key);

/// Runs a command in all of the container's namespaces, as `virsh lxc-enter-namespace` does: with the descriptors and
/// by the library calls a client has. `command[0]` is a path inside.
Output enter(virDomainPtr domain, const std::vector<std::string>& command);
/// enter() with /bin/sh -c.
Output enter_shell(virDomainPtr domain, const std::string& script);

/// Text of the control file of the cgroup that limits the container: `v1` is "memory/memory.limit_in_bytes", `v2`
/// "memory.max".
std::string control_file(virDomainPtr domain, const std::string& v1, const std::string& v2);
/// The folder of the cgroup that limits the container, with the controller of that v1 name; "" if there is none.
std::string limits_folder(virDomainPtr domain, const std::string& controller);
/// Whether the kernel holds init in a frozen cgroup, by its own or one above it.
bool is_frozen(virDomainPtr domain);

}  // namespace support
