// One system call of the daemon, a supervisor or an init, as the tracer sees it before the kernel acts on it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace faults {

/// Whose call it is. Payload: whatever runs in a container, and programs the daemon runs.
enum class Role { Loop, Worker, Definitions, Supervisor, Init, Payload };
const char* name_of(Role role);

struct SystemCall {
  pid_t thread = 0;
  Role role = Role::Payload;
  int number = 0;
  std::uint64_t arguments[6] = {};
};

/// "renameat '/a/b'": its name, with the path or the file it is about.
std::string describe(const SystemCall& call);
/// "" if it is about none.
std::string path_of(const SystemCall& call);

/// Whether it changes anything outside its process: an instant before such a call is worth dying at.
bool changes_something(const SystemCall& call);
/// Whether the kernel may refuse it, and nobody but this process is to blame: not so a client's connection.
bool may_fail(const SystemCall& call);

/// Text at an address of another process, "" when it cannot be read.
std::string text_at(pid_t process, std::uint64_t address);
std::string bytes_at(pid_t process, std::uint64_t address, std::size_t size);
/// What a process's descriptor is: a path, or "socket:[123]".
std::string file_of(pid_t process, int fd);

}  // namespace faults
