#!/usr/bin/python3
"""Opens `virsh console` on a terminal of its own, shows what comes, and leaves with ^] after some lines.

  read-console.py URI DOMAIN LINES
"""
import os
import pty
import select
import sys
import time

PATIENCE_SECONDS = 20
ESCAPE = b"\x1d"


def main():
    uri, domain, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("virsh", ["virsh", "-c", uri, "console", domain])
    shown, escaped, connected = b"", False, False
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                data = os.read(terminal, 4096)
            except OSError:  # the kernel's end of file for a terminal whose other side is closed
                break
            if not data:
                break
            if not escaped:
                sys.stdout.write(data.decode(errors="replace").replace("\r", ""))
                sys.stdout.flush()
            shown += data
        connected = connected or b"Escape character" in shown
        if not escaped and connected and shown.split(b"Escape character", 1)[1].count(b"\n") > wanted:
            os.write(terminal, ESCAPE)
            escaped = True
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    print()
    if not escaped:
        sys.exit(f"read-console: the console of '{domain}' gave fewer than {wanted} lines in {PATIENCE_SECONDS} s")
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
