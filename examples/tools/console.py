#!/usr/bin/python3
"""Types into a program on a terminal of its own and shows what it prints.

  console.py [WAIT-FOR TYPE]... WAIT-FOR -- COMMAND [WORD...]
Waits for each text in turn and types the next line; after the last one it types ^] and waits for the program's end.
"""
import os
import pty
import re
import select
import sys
import termios
import time

PATIENCE_SECONDS = 30
ESCAPE = b"\x1d"


def is_raw(terminal):
    """Until virsh has made it so, the terminal keeps lines to itself, and what was typed is flushed by the change."""
    return not termios.tcgetattr(terminal)[3] & termios.ICANON


def main():
    split = sys.argv.index("--")
    steps, command = [word.encode() for word in sys.argv[1:split]], sys.argv[split + 1:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    seen, shown = b"", b""
    deadline = time.monotonic() + PATIENCE_SECONDS
    typed_at_end = False
    while time.monotonic() < deadline:
        if steps and steps[0] in seen and is_raw(terminal):
            seen = seen.split(steps.pop(0), 1)[1]
            os.write(terminal, steps.pop(0) + b"\r" if steps else ESCAPE)
            typed_at_end = not steps
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                data = os.read(terminal, 4096)
            except OSError:  # the kernel's end of file for a terminal whose other side is closed
                break
            if not data:
                break
            seen += data
            shown += data
    # What a terminal would act on, and not show, is left out.
    print(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode(errors="replace")).replace("\r", ""))
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    if not typed_at_end:
        sys.exit(f"console.py: no '{steps[0].decode()}' in {PATIENCE_SECONDS} s")
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
