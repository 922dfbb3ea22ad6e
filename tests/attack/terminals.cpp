// What a terminal lets one do to whoever else has it open.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
namespace {

/// A terminal of one's own, made the controlling one: the most favourable case.
int own_terminal() {
  const int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  const int unlocked = 0;
  if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) != 0) return -1;
  const int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  ioctl(slave, TIOCSCTTY, 0);
  return slave;
}

/// As if typed: by this, one who entered the container with a terminal of the host has commands put into its shell.
Outcome inject(const Facts&) {
  const char letter = 'x';
  return judge(ioctl(own_terminal(), TIOCSTI, &letter));
}

Outcome inject_into_console(const Facts&) {
  const File console(open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!console) return not_there("no console");
  const char letter = 0;
  return judge(ioctl(console.get(), TIOCSTI, &letter));
}

/// What the host's kernel and programs say to /dev/console would come here. It ends with the descriptor.
Outcome redirect_host_console(const Facts&) {
  const File terminal(own_terminal());
  return judge(ioctl(terminal.get(), TIOCCONS));
}

/// Selections of a virtual console; ENOTTY on any other terminal, which is past the filter but leads nowhere.
Outcome paste_selection(const Facts&) {
  const File terminal(own_terminal());
  char subcode[16] = {3};  // TIOCL_PASTESEL
  const int result = ioctl(terminal.get(), TIOCLINUX, subcode);
  return result < 0 && errno == ENOTTY ? refused_errno() : judge(result);
}

}  // namespace

Attempts terminal_attempts() {
  return {
      {"tiocsti", inject},
      {"tiocsti_console", inject_into_console},
      {"tioccons", redirect_host_console},
      {"tioclinux", paste_selection},
  };
}

}  // namespace attack
