// A program run to its end: input given whole, complaints kept, nothing else of ours handed down.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace base {

struct CommandResult {
  int wait_status = 0;    // as wait(2) gives it
  std::string complaint;  // the first 4 KiB of what it wrote to standard error, without newlines at the end
  bool succeeded() const { return wait_status == 0; }
  /// "exit status 3" or "signal 9", and the complaint.
  std::string description() const;
};

/// Executes `arguments[0]`, a path, with `environment` ("NAME=value") alone, default signals and three descriptors:
/// `input` as a file, /dev/null, and one for complaints. Waits without limit. Throws SystemError if it cannot be
/// executed. posix_spawn(3).
CommandResult run_command(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                          std::string_view input = {});

}  // namespace base
