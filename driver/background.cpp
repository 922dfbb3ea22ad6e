#include "driver/background.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.hpp"

namespace driver {

base::Fd go_to_background() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) base::fail_errno(base::Code::SystemError, "cannot make a pipe");
  base::Fd reader(ends[0]), writer(ends[1]);
  const pid_t pid = ::fork();  // before any thread exists
  if (pid < 0) base::fail_errno(base::Code::SystemError, "cannot fork");
  if (pid > 0) {
    writer.reset();
    char byte = 0;
    const bool ready = ::read(reader.get(), &byte, 1) == 1;
    ::_exit(ready ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  ::setsid();
  if (::chdir("/") < 0) base::fail_errno(base::Code::SystemError, "cannot change to '/'");
  return writer;
}

void announce_ready(base::Fd ready) {
  const base::Fd null = base::open_file("/dev/null", O_RDWR);
  for (int standard = 0; standard <= 2; ++standard) ::dup2(null.get(), standard);
  base::write_all(ready.get(), "\1", 1, "readiness pipe");
}

}  // namespace driver
