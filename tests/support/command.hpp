// Running a program and reading what it printed.
#pragma once

#include <string>
#include <vector>

namespace support {

struct Output {
  int status = 0;    // exit code, or 128 + signal
  std::string text;  // stdout and stderr
};

/// Searches PATH; stdin is /dev/null.
Output run(const std::vector<std::string>& command);
/// How many programs run() is waiting for right now, on any thread.
int programs_running();
/// `sh -c script`.
Output shell(const std::string& script);
/// True if `program` is found in PATH.
bool have_program(const std::string& program);

}  // namespace support
