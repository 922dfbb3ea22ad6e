#!/usr/bin/python3
"""An emulated machine that runs one command.

  machine.py run [--share DIR[:PLACE]]... [--writable DIR[:PLACE]]... [--timeout S] [--boot OPTIONS]
                 IMAGE COMMAND...
  machine.py prime IMAGE      boots once and keeps what that writes: the caches of AppArmor and libvirt
  machine.py save IMAGE       boots and keeps the memory of the machine as it waits for a command

IMAGE is a folder made by make-image.sh. Shared folders are seen at PLACE inside, or at the same path. Output is passed
on as it comes and the exit status is the command's, or 124 if there was none. A machine that ends or hangs without
giving a status is tried once more; one whose command gave a status, or ran into the timeout, never is. All writes but
those to --writable are forgotten. With --boot the machine is not woken from its saved memory but booted with these
kernel options behind the usual ones: systemd.unified_cgroup_hierarchy=0 makes it a hybrid host.
"""
import argparse
import base64
import dataclasses
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "image"))
sys.dont_write_bytecode = True
import hardware  # pylint: disable=wrong-import-position

BOOT_SECONDS = 300
OFF_SECONDS = 30
SETTLE_SECONDS = 5
TIMED_OUT = 124


@dataclasses.dataclass
class Share:
    folder: str  # outside
    place: str  # inside
    writable: bool

    @classmethod
    def parse(cls, text, writable):
        folder, _, place = text.partition(":")
        folder = os.path.realpath(folder)
        return cls(folder, place or folder, writable)


class NoStatus(Exception):
    """The machine ended, or never got as far as the command."""


class Machine:
    """One qemu process with its pipes; ended when the with block is left."""

    def __init__(self, image, disk, shares=(), memory=None, boot=""):
        self.folder = tempfile.mkdtemp(prefix="lxcell-vm-")
        self.status_text = b""
        empty = os.path.join(self.folder, "empty")
        os.mkdir(empty)
        for name in ("command.in", "command.out", "output", "status"):
            os.mkfifo(os.path.join(self.folder, name))
        # Before qemu opens the other ends: opening a pipe that nobody reads would block it.
        self.output = os.open(os.path.join(self.folder, "output"), os.O_RDONLY | os.O_NONBLOCK)
        self.status = os.open(os.path.join(self.folder, "status"), os.O_RDONLY | os.O_NONBLOCK)
        # Both ends, so that neither opening nor writing waits for a qemu that never came up.
        self.command = os.open(os.path.join(self.folder, "command.in"), os.O_RDWR)
        self.console = os.path.join(self.folder, "console")
        self.control = os.path.join(self.folder, "control")
        folders = [(share.folder, share.writable) for share in shares]
        folders += [(empty, False)] * (hardware.SHARES - len(folders))
        command = hardware.qemu_command(image, disk, self.folder, folders)
        command[command.index("-append") + 1] += " " + boot
        if memory:
            command += ["-incoming", f"exec:zstd -qdc {shlex.quote(memory)}"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.command)
        os.close(self.output)
        os.close(self.status)
        shutil.rmtree(self.folder)

    def send(self, script):
        os.write(self.command, (script + "\nvm: end of script\n").encode())

    def wait_for(self, word, seconds):
        """The rest of the status line that begins with word; None after so many seconds. Passes output on."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            *lines, _ = self.status_text.split(b"\n")
            for line in lines:
                if line.split(b" ")[0] == word:
                    self.pass_output()
                    return line[len(word):].strip().decode()
            if self.process.poll() is not None:
                self.pass_output()
                raise NoStatus(f"the machine ended by itself\n{self.console_text()}")
            select.select([self.output, self.status], [], [], 0.2)
            self.pass_output()
            self.status_text += read_available(self.status)
        return None

    def pass_output(self):
        while text := read_available(self.output):
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()

    def console_text(self):
        if not os.path.exists(self.console):
            return ""
        with open(self.console, encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]

    def wait_until_off(self):
        try:
            self.process.wait(OFF_SECONDS)
        except subprocess.TimeoutExpired:
            pass  # Killed on the way out; the guest has synced its disk.


def read_available(descriptor):
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b""


class Monitor:
    """qemu's control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.lines.readline()
        self.call("qmp_capabilities")

    def call(self, name, **arguments):
        self.socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
        for line in self.lines:
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise RuntimeError(f"{name}: qemu has gone")


def script_of(command, shares):
    """All copies of a saved machine wake up with the same clock and the same random numbers."""
    lines = [f"date -s @{time.time():.0f} >/dev/null",
             f"echo {base64.b64encode(os.urandom(64)).decode()} >/dev/urandom"]
    for number, share in enumerate(shares):
        # cache=loose keeps what was read, which is right only as long as nobody writes.
        how = "rw,cache=none" if share.writable else "ro,cache=loose"
        place = shlex.quote(share.place)
        # The first mount loads the driver, which may find its devices only a moment later.
        lines.append(f"[ -d {place} ] || mkdir -p {place}; tries=0\n"
                     "until mount -t 9p "
                     f"-o trans=virtio,version=9p2000.L,msize=512000,{how} vm{number} {place} 2>/run/mount-error; do\n"
                     "tries=$((tries + 1)); [ $tries -lt 100 ] || { cat /run/mount-error >&2; exit 125; }; sleep 0.2\n"
                     "done")
    return "\n".join(lines + ["cd / && " + shlex.join(command)])


def run_once(image, command, shares, timeout, boot):
    cold = boot is not None
    if cold:
        disk, memory = "root.img,format=raw", None
    else:
        disk, memory = "state.qcow2,format=qcow2", os.path.join(image, "memory.zst")
    drive = f"file={os.path.join(image, disk)},if=virtio,cache=unsafe,snapshot=on"
    with Machine(image, drive, shares, memory, boot or "") as machine:
        if cold and machine.wait_for(b"ready", BOOT_SECONDS) is None:
            raise NoStatus(f"the machine did not boot within {BOOT_SECONDS} s\n{machine.console_text()}")
        machine.send(script_of(command, shares))
        if machine.wait_for(b"started", BOOT_SECONDS) is None:
            raise NoStatus(f"the machine did not take the command within {BOOT_SECONDS} s\n{machine.console_text()}")
        status = machine.wait_for(b"status", timeout)
        if status is None:
            print(f"machine: the command did not end within {timeout:.0f} s\n{machine.console_text()}", file=sys.stderr)
            return TIMED_OUT
        return int(status)


def command_run(arguments):
    shares = [Share.parse(text, False) for text in arguments.share]
    shares += [Share.parse(text, True) for text in arguments.writable]
    if len(shares) > hardware.SHARES:
        raise SystemExit(f"machine: at most {hardware.SHARES} folders can be shared")
    attempt = (arguments.image, arguments.command, shares, arguments.timeout, arguments.boot)
    try:
        return run_once(*attempt)
    except NoStatus as problem:
        print(f"machine: {problem}\nmachine: trying once more", file=sys.stderr)
    try:
        return run_once(*attempt)
    except NoStatus as problem:
        print(f"machine: {problem}", file=sys.stderr)
        return TIMED_OUT


def command_prime(arguments):
    """systemd has loaded every AppArmor profile by the time it is up; libvirt keeps what it found out of this host."""
    drive = f"file={arguments.image}/root.img,format=raw,if=virtio,cache=unsafe"
    with Machine(arguments.image, drive) as machine:
        if machine.wait_for(b"ready", BOOT_SECONDS) is None:
            raise SystemExit(f"machine: no boot within {BOOT_SECONDS} s\n{machine.console_text()}")
        machine.send("systemctl is-system-running --wait; virsh -c lxc:///system capabilities >/dev/null")
        status = machine.wait_for(b"status", BOOT_SECONDS)
        machine.wait_until_off()
    if status != "0":
        raise SystemExit("machine: the stock driver does not answer in the new image")
    return 0


def command_save(arguments):
    state = os.path.join(arguments.image, "state.qcow2")
    # The name of the backing file is relative to the overlay, so the folder can move.
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", "root.img", "-F", "raw", state], check=True)
    memory = os.path.join(arguments.image, "memory.zst")
    with Machine(arguments.image, f"file={state},format=qcow2,if=virtio,cache=unsafe") as machine:
        if machine.wait_for(b"ready", BOOT_SECONDS) is None:
            raise SystemExit(f"machine: no boot within {BOOT_SECONDS} s\n{machine.console_text()}")
        time.sleep(SETTLE_SECONDS)
        monitor = Monitor(machine.control)
        # Not stopped first, or the copies would wake up stopped.
        monitor.call("migrate", uri=f"exec:zstd -q -1 > {shlex.quote(memory + '.new')}")
        while (progress := monitor.call("query-migrate").get("status")) != "completed":
            if progress in ("failed", "cancelled"):
                raise SystemExit("machine: its memory cannot be saved")
            time.sleep(0.1)
        monitor.call("quit")
        machine.wait_until_off()
    os.rename(memory + ".new", memory)
    return 0


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run")
    run.add_argument("image")
    run.add_argument("--share", action="append", default=[], metavar="DIR[:PLACE]")
    run.add_argument("--writable", action="append", default=[], metavar="DIR[:PLACE]")
    run.add_argument("--timeout", type=float, default=600)
    run.add_argument("--boot", metavar="OPTIONS")
    run.add_argument("command", nargs=argparse.REMAINDER)
    run.set_defaults(act=command_run)
    for name, act in (("prime", command_prime), ("save", command_save)):
        command = commands.add_parser(name)
        command.add_argument("image")
        command.set_defaults(act=act)
    arguments = parser.parse_args()
    return arguments.act(arguments)


if __name__ == "__main__":
    sys.exit(main())
