// Small helpers of the attempts over files and mounts.
#pragma once

#include <string>
#include <vector>

#include "attack/attempt.hpp"

namespace attack {

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// At most `limit` bytes; "" if it cannot be read.
std::string read_some(const std::string& path, std::size_t limit = 65536);
std::vector<std::string> lines_of(const std::string& text);
bool contains(const std::string& text, const std::string& part);
std::vector<std::string> names_in(const std::string& directory);

/// Opens for writing and writes back what is there.
Outcome write_back(const std::string& path);
/// Opens for writing, no more.
Outcome open_for_writing(const std::string& path);

struct Mount {
  std::string target, type, super_options;
};
std::vector<Mount> mounts();

/// A mount namespace of the attempt's own, if it may; then what it mounts goes with it.
void leave_mounts_behind();
/// A new empty directory.
std::string new_directory(const std::string& name);
/// In a child, with all capabilities in a user namespace of its own; refused if there is none to be had.
Outcome in_nested_user_namespace(int more_namespaces, const std::function<Outcome()>& call);
/// The outcome of `call`, made by a child, who may change what a process has only one of.
Outcome in_child(const std::function<Outcome()>& call);

/// Whether this container has no user namespace of its own.
bool in_hosts_user_namespace();

}  // namespace attack
