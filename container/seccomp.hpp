// Which system calls a container's processes may make: the profile that its definition names, for the capabilities it
// keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "container/plan.hpp"
#include "domain-xml/definition.hpp"

namespace container {

/// What a profile is made for.
struct SeccompSubject {
  std::uint64_t kept = 0;       // capabilities in the bounding set
  std::uint64_t asked_for = 0;  // those of them that the definition turns on by name, or all with policy 'allow'
  bool user_namespace = false;
  bool of_32bit = false;  // init runs on the host's 32-bit sibling
  auto operator<=>(const SeccompSubject&) const = default;
};

/// The text of a profile in a file, or why it could not be read.
struct SeccompFile {
  std::string text;
  int error = 0;  // errno
};

/// nullopt unless the definition names a file. At most 1 MiB of a regular file is read; EFBIG beyond.
std::optional<SeccompFile> read_seccomp_file(const domain_xml::DomainDefinition& definition);

/// struct sock_filter[] as bytes (seccomp(2)); empty for "unconfined". Compiled once for the same content and subject,
/// and kept. Throws for a file that could not be read, or says what is not understood. Any thread.
std::string seccomp_program(const std::string& profile, const SeccompSubject& subject,
                            const std::optional<SeccompFile>& file);

}  // namespace container
