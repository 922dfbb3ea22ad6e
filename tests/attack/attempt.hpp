// What an attempt of the attacker is: a name, something to try, and what came of it. Each is harmless where it is let
// through: values are written back as they were, files only opened, images, numbers and pointers invalid beyond the
// check of permission.
#pragma once

#include <cerrno>
#include <functional>
#include <string>
#include <vector>

namespace attack {

/// What only the test outside can know, as "key=value" arguments.
class Facts {
 public:
  void add(const std::string& word);
  /// "" if it was not given.
  std::string operator[](const std::string& key) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

struct Outcome {
  enum class Kind {
    Refused,
    LetThrough,
    NotThere,  // the kernel has nothing to attack, or it is the container's own
  };
  Kind kind;
  std::string detail;
};

Outcome refused(const std::string& detail);
Outcome refused_errno(int error = errno);
Outcome let_through(const std::string& detail);
Outcome not_there(const std::string& detail);

/// Of a system call whose arguments are good: -1 is a refusal.
Outcome judge(long result, const std::string& detail = "");
/// Of a system call whose arguments are bad on purpose: any error but these of permission means that it got past them.
Outcome judge_past_permission(long result);

struct Attempt {
  const char* name;
  std::function<Outcome(const Facts&)> run;
};
using Attempts = std::vector<Attempt>;

Attempts kernel_attempts();
Attempts other_abi_attempts();
Attempts device_attempts();
Attempts mount_attempts();
Attempts kernel_file_attempts();
Attempts cgroup_attempts();
Attempts process_attempts();
Attempts escape_attempts();
Attempts sight_attempts();
Attempts network_attempts();
Attempts terminal_attempts();
/// Last, as they leave the container breathless.
Attempts exhaustion_attempts();

}  // namespace attack
