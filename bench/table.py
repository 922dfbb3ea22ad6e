#!/usr/bin/python3
"""Measures what bench/targets.py promises, prints it beside stock libvirt, LXC's tools, crun, runc and systemd-nspawn and
the kernel's floor, and keeps it as JSON and pictures. Called by table.sh.

Without --long it takes some two minutes, most of them stock's. Figures of single parts can be put together with --again.
"""
import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import tty

import libvirt

import targets

HERE = pathlib.Path(__file__).resolve().parent
SUPPORT = HERE.parent / "tests/support"
PATIENCE = 30
APPLETS = ("sh", "sleep", "usleep", "cat", "dd", "rm", "reboot", "true", "stty", "echo")
# The remote protocol's numbers.
PROGRAM, VERSION, CALL = 0x20008086, 1, 0
AUTH_LIST, CONNECT_OPEN, REGISTER_EVENT = 66, 1, 316


def wait_until(condition, limit=PATIENCE, pause=0.002):
    """Seconds until it held."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > limit:
            raise TimeoutError("waited in vain")
        time.sleep(pause)
    return time.monotonic() - began


def milliseconds(work):
    began = time.monotonic()
    work()
    return (time.monotonic() - began) * 1e3


class Ours:
    """A virtlxcelld whose every file is below `root`."""
    name = "lxcell"

    def __init__(self, build, root):
        self.program = build / "driver/virtlxcelld"
        self.root = root
        (root / "run").mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root / "run"], check=True)  # as /run is on a host
        self.socket = f"{root}/run/libvirt/virtlxcelld-sock"
        self.uri = f"lxcell:///system?socket={self.socket}"
        self.open_name = "lxcell:///system"
        self.process = None

    def start(self):
        with open(self.root / "output", "a", encoding="utf-8") as output:
            self.process = subprocess.Popen([self.program, "--root", self.root], stdout=output, stderr=output,
                                            stdin=subprocess.DEVNULL)
        return self

    def connect(self):
        """The first connection there can be."""
        found = []

        def opened():
            if self.process.poll() is not None:
                raise RuntimeError((self.root / "output").read_text())
            # libvirt's client would wait 200 ms by itself between two tries.
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(self.socket) != 0:
                    return False
            found.append(libvirt.open(self.uri))
            return True

        wait_until(opened)
        return found[0]

    @property
    def pid(self):
        return self.process.pid

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait()

    def end(self):
        self.stop()
        subprocess.run(["umount", self.root / "run"], check=False)


class Stock:
    """libvirt's own LXC driver."""
    name = "stock"
    open_name = "lxc:///system"

    def __init__(self, root):
        self.root = root
        (root / "run").mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root / "run"], check=True)

    def start(self):
        root = self.root
        done = subprocess.run([SUPPORT / "stock-lxc.sh", "start", root], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        self.uri = done.stdout.strip()
        self.socket = self.uri.split("socket=")[1]

    def connect(self):
        return libvirt.open(self.uri)

    @property
    def pid(self):
        return int((self.root / "pid").read_text())

    def end(self):
        if (self.root / "pid").exists():
            subprocess.run([SUPPORT / "stock-lxc.sh", "stop", self.root], check=False, stdout=subprocess.DEVNULL)


class Stage:
    """Root filesystem, bridge and daemons that all parts share."""

    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.rootfs = folder / "rootfs"
        self.bridge = f"lxt{os.getpid()}"
        self.serial = 0
        self.daemons, self.without, self.ours = [], {}, None

    def begin(self, with_stock):
        for name in ("bin", "sbin", "dev", "proc", "sys", "etc", "tmp", "run", "usr"):
            (self.rootfs / name).mkdir(parents=True)
        busybox = next(path for path in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(path))
        shutil.copy(busybox, self.rootfs / "bin/busybox")
        for applet in APPLETS:
            (self.rootfs / "bin" / applet).symlink_to("busybox")
        subprocess.run(["ip", "link", "add", self.bridge, "type", "bridge", "stp_state", "0", "forward_delay", "0"],
                       check=True)
        subprocess.run(["ip", "link", "set", self.bridge, "up"], check=True)
        self.ours = Ours(self.build, self.folder / "ours").start()
        self.daemons.append(self.ours)
        self.ours.connect().close()
        if with_stock:
            self.daemons.append(Stock(self.folder / "stock"))
            try:
                self.daemons[-1].start()
            except RuntimeError as error:
                self.daemons.pop().end()
                self.without["stock"] = str(error)

    def end(self):
        for daemon in self.daemons:
            daemon.end()
        subprocess.run(["ip", "link", "del", self.bridge], check=False)

    def uris(self):
        return [word for daemon in self.daemons for word in ("--uri", f"{daemon.name}={daemon.uri}")]

    def xml(self, name, words=("/bin/sleep", "100000"), interfaces=1):
        arguments = "".join(f"<initarg>{word}</initarg>" for word in words[1:])
        interface = f"<interface type='bridge'><source bridge='{self.bridge}'/></interface>" * interfaces
        return (f"<domain type='lxc'><name>{name}</name><memory unit='KiB'>65536</memory>"
                f"<os><type>exe</type><init>{words[0]}</init>{arguments}</os><features><privnet/></features><devices>"
                f"<filesystem type='mount'><source dir='{self.rootfs}'/><target dir='/'/></filesystem>"
                f"<console type='pty'/>{interface}</devices></domain>")

    def name(self):
        self.serial += 1
        return f"t{os.getpid()}-{self.serial}"

    @contextlib.contextmanager
    def running(self, connection, *words, **more):
        domain = connection.createXML(self.xml(self.name(), *words, **more), 0)
        try:
            yield domain
        finally:
            with contextlib.suppress(libvirt.libvirtError):
                domain.destroy()

    def program(self, name, *words):
        """The rows a program writes with --json."""
        path = self.folder / f"{name}.json"
        done = subprocess.run([self.build / "bench" / name, "--json", path, *map(str, words)], capture_output=True,
                              text=True, check=False)
        sys.stderr.write(done.stderr)
        if done.returncode:
            raise RuntimeError(f"{name} failed")
        for left_out in re.findall(r"^\w+: (.+) is left out: (.+)$", done.stderr, re.MULTILINE):
            self.without[left_out[0]] = left_out[1]
        return json.loads(path.read_text())


def init_of(domain):
    pid = domain.ID()
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def processor_seconds(pid):
    """Of all threads, to the nanosecond."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def wake_ups(pids):
    """How often the processes' threads have gone to sleep so far: once for each wake-up."""
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.MULTILINE).group(1))
               for pid in pids for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def memory_mib(pid, key, file="status"):
    return int(re.search(rf"^{key}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/{file}").read_text(),
                         re.MULTILINE).group(1)) / 1024


# ---------------------------------------------------------------- parts: each returns its figures

def peers(stage, options):
    return targets.medians(stage.program("peers_bench", *stage.uris(), "--floor", stage.build / "bench/floor",
                                         "--cycles", options.cycles))


def calls(stage, _options):
    return targets.medians(stage.program("lifecycle_bench", *stage.uris(), "--cycles", 2, "--calls", 400))


def parallel(stage, _options):
    """Starts per second by several clients, each with its own connection and domains; CPU busy meanwhile; and for ours
    the same without interfaces, which shows what the lock of all links takes."""
    def busy():
        user, nice, system, idle = map(int, pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:5])
        return user + nice + system, user + nice + system + idle

    def rate(daemon, clients, each, interfaces):
        connections = [daemon.connect() for _ in range(clients)]
        domains = [[connection.defineXML(stage.xml(stage.name(), interfaces=interfaces)) for _ in range(each)]
                   for connection in connections]
        at = busy()
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            took = milliseconds(lambda: list(pool.map(lambda own: [domain.create() for domain in own], domains)))
            then = busy()
            list(pool.map(lambda own: [domain.destroy() for domain in own], domains))
        for own in domains:
            for domain in own:
                domain.undefine()
        return clients * each / took * 1e3, (then[0] - at[0]) / max(1, then[1] - at[1])

    found = {}
    for daemon in stage.daemons:
        found[daemon.name] = {}
        for clients in (1, 2, 4, 8) if daemon is stage.ours else (8,):
            each = 48 // clients if daemon is stage.ours else 3
            rates = [rate(daemon, clients, each, 1) for _ in range(3 if daemon is stage.ours else 1)]
            found[daemon.name][str(clients)] = targets.median([one for one, _ in rates])
            found[daemon.name][f"{clients}, CPU busy"] = targets.median([one for _, one in rates])
            if daemon is stage.ours:
                found[daemon.name][f"{clients}, no interface"] = rate(daemon, clients, each, 0)[0]
    return found


def idle_clients(stage, _options):
    found = {}
    for daemon in stage.daemons:
        connections = [daemon.connect() for _ in range(200)] if daemon is stage.ours else \
                      [daemon.connect() for _ in range(100)]  # of stock's fewer, which takes long
        time.sleep(2)  # what connecting took is over
        seconds, processor, woken = 3, processor_seconds(daemon.pid), wake_ups([daemon.pid])
        time.sleep(seconds)
        found[daemon.name] = {"clients": len(connections),
                              "cpu ms/s": (processor_seconds(daemon.pid) - processor) * 1e3 / seconds,
                              "wake-ups/s": (wake_ups([daemon.pid]) - woken) / seconds}
        for connection in connections:
            connection.close()
    return found


class RawClient:
    """Speaks just enough of the protocol to be told of events, and costs next to nothing when one comes."""

    def __init__(self, daemon):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(daemon.socket)
        self.serial = 0
        name = daemon.open_name.encode()
        self.call(AUTH_LIST, b"")
        self.call(CONNECT_OPEN, struct.pack(">II", 1, len(name)) + name + b"\0" * (-len(name) % 4) + struct.pack(">I", 0))
        self.call(REGISTER_EVENT, struct.pack(">iI", libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, 0))

    def call(self, procedure, payload):
        self.serial += 1
        self.socket.sendall(struct.pack(">IIIIIII", 28 + len(payload), PROGRAM, VERSION, procedure, CALL, self.serial, 0)
                            + payload)
        length = struct.unpack(">I", self.socket.recv(4, socket.MSG_WAITALL))[0]
        reply = self.socket.recv(length - 4, socket.MSG_WAITALL)
        if struct.unpack(">I", reply[20:24])[0] != 0:
            raise RuntimeError(f"procedure {procedure} is refused: {reply!r}")


def fan_out(stage, _options):
    """Milliseconds from the first client's event to the last's."""
    found = {}
    for daemon in stage.daemons:
        connection = daemon.connect()
        clients = [RawClient(daemon) for _ in range(100)]
        poller = select.epoll()
        for client in clients:
            poller.register(client.socket, select.EPOLLIN)
        spreads = []
        with stage.running(connection) as domain:
            time.sleep(0.2)
            for client in clients:
                with contextlib.suppress(BlockingIOError):
                    client.socket.recv(65536, socket.MSG_DONTWAIT)
            for i in range(30):
                caller = threading.Thread(target=domain.resume if i % 2 else domain.suspend)
                caller.start()
                heard, first = 0, None
                sockets = {client.socket.fileno(): client.socket for client in clients}
                while heard < len(clients):
                    ready = poller.poll(PATIENCE)
                    first = first or time.monotonic()
                    for descriptor, _ in ready:
                        heard += len(sockets[descriptor].recv(65536)) > 0
                spreads.append((time.monotonic() - first) * 1e3)
                caller.join()
        found[daemon.name] = targets.median(spreads)
        for client in clients:
            client.socket.close()
    return found


def definitions(stage, _options):
    """Ten thousand domains on disk: a start of the daemon, its list, its memory."""
    count = 10000
    daemon = Ours(stage.build, stage.folder / "many")
    folder = daemon.root / "etc/libvirt/lxcell"
    folder.mkdir(parents=True)
    for i in range(count):
        name = f"web{i}"
        text = stage.xml(name).replace("</name>", f"</name><uuid>6f1c1b0e-96a1-4bb2-8f4c-{i:012x}</uuid>")
        (folder / f"{name}.xml").write_text(text)
    try:
        daemon.start()
        began = time.monotonic()
        connection = daemon.connect()
        if connection.numOfDefinedDomains() != count:
            raise RuntimeError("definitions are missing")
        took = time.monotonic() - began
        rows = stage.program("growth_bench", "--uri", daemon.uri, "--as-it-is", "--rounds", 15)
        medians = targets.medians(rows)
        return {"start s": took, "list ms": medians["list"][str(count)],
                "list's handles freed ms": medians["list's handles freed"][str(count)],
                "daemon RSS MiB": memory_mib(daemon.pid, "VmRSS")}
    finally:
        daemon.end()


def crowd(stage, options):
    """Growth to a thousand containers, and what daemon and supervisors cost while these do nothing; then a daemon that
    was killed finds them again."""
    daemon = Ours(stage.build, stage.folder / "crowd").start()
    daemon.connect().close()
    here, leave, written = (stage.folder / word for word in ("here", "leave", "growth.json"))
    sizes = [size for size in (1, 10, 100, 300, 1000) if size <= options.crowd]
    growth = subprocess.Popen([stage.build / "bench/growth_bench", "--uri", daemon.uri, "--json", written, "--rounds", "7",
                               "--while-running", f"touch {here}; until [ -e {leave} ]; do sleep 0.1; done", "--sizes",
                               *map(str, sizes)], stdout=subprocess.DEVNULL)
    try:
        def ready():
            if growth.poll() is not None:
                raise RuntimeError("growth_bench failed")
            return here.exists()
        wait_until(ready, limit=400, pause=0.1)
        count = sizes[-1]
        connection = daemon.connect()
        supervisors = connection.listDomainsID()
        figures = {"containers": len(supervisors), "daemon RSS MiB": memory_mib(daemon.pid, "VmRSS"),
                   "daemon PSS MiB": memory_mib(daemon.pid, "Pss", "smaps_rollup"),
                   "daemon anonymous MiB": memory_mib(daemon.pid, "RssAnon"),
                   "supervisor PSS KiB": targets.median([memory_mib(pid, "Pss", "smaps_rollup") * 1024
                                                         for pid in supervisors[:50]])}
        # The files that statistics come from are still open.
        files, alone, together = subprocess.run([stage.build / "bench/stats_floor", str(daemon.pid)], check=True,
                                                capture_output=True, text=True).stdout.split()
        figures |= {"statistics' files": int(files), "to read them, ms": float(together),
                    "by one thread, ms": float(alone)}
        time.sleep(2)  # what was asked last is over
        seconds, of_daemon, of_supervisors = 5, wake_ups([daemon.pid]), wake_ups(supervisors)
        processor = processor_seconds(daemon.pid)
        time.sleep(seconds)
        figures["daemon CPU ms/s"] = (processor_seconds(daemon.pid) - processor) * 1e3 / seconds
        figures["daemon wake-ups/s"] = (wake_ups([daemon.pid]) - of_daemon) / seconds
        figures["supervisor wake-ups/s"] = (wake_ups(supervisors) - of_supervisors) / seconds
        connection.close()
        daemon.stop(signal.SIGKILL)
        began = time.monotonic()
        connection = daemon.start().connect()
        wait_until(lambda: connection.numOfDomains() == count)
        figures["reconnect s"] = time.monotonic() - began
        figures["daemon RSS MiB after reconnect"] = memory_mib(daemon.pid, "VmRSS")
        for domain in connection.listAllDomains():
            domain.destroy()
        connection.close()
        stage.growth = {row: values for row, values in targets.medians(json.loads(written.read_text())).items()}
        return figures
    finally:
        leave.touch()
        growth.wait()
        daemon.end()


def bare_pty(raw):
    master, slave = os.openpty()
    if raw:
        tty.setraw(slave)
    writer = subprocess.Popen(["dd", "if=/dev/zero", "bs=64k"], stdout=slave, stderr=subprocess.DEVNULL)
    os.close(slave)
    began, read = time.monotonic(), 0
    while (now := time.monotonic()) - began < 1:
        read += len(os.read(master, 65536))
    writer.kill()
    writer.wait()
    os.close(master)
    return read / (now - began) / 1e6


def console(stage, _options):
    """What a client reads from a console while the container writes all it can, in MB/s; and what goes through a pty
    that nobody stands between."""
    found = {"bare pty": bare_pty(raw=False), "bare pty, raw": bare_pty(raw=True)}  # a console is a terminal, not raw
    for daemon in stage.daemons:
        connection = daemon.connect()
        words = ("/bin/sh", "-c", "stty raw; while [ ! -e /go ]; do usleep 5000; done; exec dd if=/dev/zero bs=64k")
        with contextlib.suppress(FileNotFoundError):
            (stage.rootfs / "go").unlink()
        with stage.running(connection, words) as domain:
            stream = connection.newStream(0)
            domain.openConsole(None, stream, 0)
            (stage.rootfs / "go").write_text("")
            time.sleep(0.3)
            began, read = time.monotonic(), 0
            while (now := time.monotonic()) - began < 2:
                read += len(stream.recv(262120))
            found[daemon.name] = read / (now - began) / 1e6
            with contextlib.suppress(libvirt.libvirtError):
                stream.abort()
    (stage.rootfs / "go").unlink()
    return found


def network(stage, _options):
    return targets.medians(stage.program("network_bench", "--uri", f"lxcell={stage.ours.uri}", "--rounds", 40,
                                         "--starts", 0, "--cpu", max(os.sched_getaffinity(0))))


def defects(stage, _options):
    """Stock's slow paths (numbers as in docs/performance.md), each as its users meet it; milliseconds."""
    def natural_exit(connection):
        """From init's end to the client's sight of it."""
        with stage.running(connection, ("/bin/sleep", "0.5")) as domain:
            process = os.pidfd_open(init_of(domain))
            select.select([process], [], [])
            os.close(process)
            return wait_until(lambda: connection.numOfDomains() == 0, pause=0.0005) * 1e3

    def reboot(connection):
        boots, go = stage.rootfs / "boots", stage.rootfs / "go"
        boots.write_text("")
        words = ("/bin/sh", "-c", "echo boot &gt;&gt; /boots; while [ ! -e /go ]; do usleep 1000; done; rm /go; "
                                  "reboot -n -f; sleep 1000")
        with stage.running(connection, words):
            wait_until(lambda: boots.read_text().count("boot") == 1)
            go.write_text("")
            return wait_until(lambda: boots.read_text().count("boot") == 2, pause=0.0005) * 1e3

    def failed_start(connection):
        def attempt():
            try:
                connection.createXML(stage.xml(stage.name(), ("/does/not/exist",)), 0).destroy()
            except libvirt.libvirtError:
                return
            raise RuntimeError("a start without a program succeeded")
        return milliseconds(attempt)

    def list_beside_destroy(daemon, connection):
        """The longest wait of another client's count while a domain is destroyed."""
        other = daemon.connect()
        domain = connection.createXML(stage.xml(stage.name()), 0)
        ending = threading.Thread(target=domain.destroy)
        ending.start()
        longest = 0
        while ending.is_alive():
            longest = max(longest, milliseconds(other.numOfDomains))
        return longest

    def per_interface(connection):
        def start(count):
            domains = []
            took = milliseconds(lambda: domains.append(connection.createXML(stage.xml(stage.name(), interfaces=count), 0)))
            domains[0].destroy()
            return took
        few = targets.median([start(0) for _ in range(3)])
        return (targets.median([start(8) for _ in range(3)]) - few) / 8

    def suspend(connection):
        with stage.running(connection) as domain:
            took = []
            for _ in range(5):
                took.append(milliseconds(domain.suspend))
                domain.resume()
            return targets.median(took)

    def ten_destroys(connection):
        domains = [connection.createXML(stage.xml(stage.name()), 0) for _ in range(10)]
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            return milliseconds(lambda: list(pool.map(lambda domain: domain.destroy(), domains)))

    found = {}
    for daemon in stage.daemons:
        connection = daemon.connect()
        found[daemon.name] = {
            "P2 end of init to shut off": targets.median([natural_exit(connection) for _ in range(3)]),
            "P3 guest reboot": reboot(connection),
            "P4 failed start": targets.median([failed_start(connection) for _ in range(3)]),
            "P5 count of domains beside a destroy": list_beside_destroy(daemon, connection),
            "P8 each interface of a start": per_interface(connection),
            "P9 suspend": suspend(connection),
            "P10 ten destroys on one connection": ten_destroys(connection)}
    return found


class Unable(Exception):
    """Cannot be measured here, which is no failure."""


def boot(stage, options):
    """Seconds from the start of a Debian container with systemd to its prompt for a login."""
    if not options.debian:
        raise Unable("no --debian ROOT")
    root, limit = options.debian.resolve(), 90

    def until_login(read):
        text, began = b"", time.monotonic()
        while b"login:" not in text:
            more = read(max(0.1, limit - (time.monotonic() - began)))
            if not more:
                raise Unable(f"no prompt for a login, but {text[-200:]!r}")
            text += more
        return time.monotonic() - began

    def by_nspawn():
        master, slave = os.openpty()
        process = subprocess.Popen(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "-b", "-D", root,
                                    f"-M{stage.name()}", f"--network-bridge={stage.bridge}"], stdin=slave, stdout=slave,
                                   stderr=slave, start_new_session=True)
        os.close(slave)

        def read(left):
            try:
                return os.read(master, 4096) if select.select([master], [], [], left)[0] else b""
            except OSError:  # nspawn has ended
                return b""
        try:
            return until_login(read)
        finally:
            # The container's init first, which systemd-nspawn does not take along when it is killed.
            with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
                for child in children.read().split():
                    os.kill(int(child), signal.SIGKILL)
            process.kill()
            process.wait()
            os.close(master)

    def by_ours():
        connection = stage.ours.connect()
        began = time.monotonic()
        xml = stage.xml(stage.name(), ("/sbin/init",)).replace(str(stage.rootfs), str(root)).replace("65536", "524288")
        domain = connection.createXML(xml, 0)
        try:
            took = time.monotonic() - began
            stream = connection.newStream(libvirt.VIR_STREAM_NONBLOCK)
            domain.openConsole(None, stream, 0)

            def read(left):
                end = time.monotonic() + left
                while time.monotonic() < end:
                    if (got := stream.recv(4096)) != -2:
                        return got
                    connection.isAlive()
                    domain.state()  # a call, by which the client reads what has come
                    time.sleep(0.005)
                return b""
            return took + until_login(read)
        finally:
            with contextlib.suppress(libvirt.libvirtError):
                domain.destroy()

    taken = {"lxcell": [], "nspawn": []}
    for _ in range(3):
        taken["nspawn"].append(by_nspawn())
        taken["lxcell"].append(by_ours())
    return {name: targets.median(values) for name, values in taken.items()}


PARTS = {"peers": peers, "calls": calls, "parallel": parallel, "idle clients": idle_clients, "fan-out": fan_out,
         "console": console, "defects": defects, "definitions": definitions, "network": network, "crowd": crowd, "boot": boot}
LONG = ("crowd", "boot")


# ---------------------------------------------------------------- pictures

def draw(figures, folder):
    try:
        import matplotlib
    except ImportError:
        print("no pictures: python3-matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    if "peers" in figures:
        columns = [column for column in figures["peers"]["start"]]
        figure, axes = pyplot.subplots(1, 2, figsize=(8, 2.6), sharey=True)
        for axis, row in zip(axes, ("start", "stop")):
            values = [figures["peers"][row].get(column, 0) for column in columns]
            bars = axis.barh(columns, values, color=["#2a6f97" if column == "lxcell" else "#adb5bd" for column in columns])
            axis.bar_label(bars, [targets.number(value) for value in values], padding=3, fontsize=8)
            axis.set(xscale="log", title=f"{row}, ms", xlim=(min(values) / 2, max(values) * 6))
            axis.invert_yaxis() if axis is axes[0] else None
        figure.tight_layout()
        figure.savefig(folder / "peers.png", dpi=90)
    if "growth" in figures:
        figure, axis = pyplot.subplots(figsize=(6, 3.6))
        for row, values in figures["growth"].items():
            axis.plot([int(count) for count in values], list(values.values()), marker="o", label=row)
        axis.set(xscale="log", yscale="log", xlabel="running containers", ylabel="ms")
        axis.legend(fontsize=8)
        figure.tight_layout()
        figure.savefig(folder / "growth.png", dpi=90)


def print_table(figures, without):
    for name, title in (("peers", "start and stop of one container, ms; what stays beside it, KiB"),
                        ("calls", "one call, us"), ("growth", "by number of running containers, ms"),
                        ("network", "through a veth, MB/s; an answer, us")):
        if name in figures:
            ours = None if name == "network" else "lxcell"  # its rows say what rounds are to each other
            print(f"\n{title}\n{targets.format_peers(figures[name], ours)}", end="")
    if "defects" in figures:
        by_row = {row: {name: rows[row] for name, rows in figures["defects"].items()}
                  for row in figures["defects"]["lxcell"]}
        print(f"\nstock's slow paths, ms\n{targets.format_peers(by_row)}", end="")
    for name in ("parallel", "idle clients", "fan-out", "console", "definitions", "crowd", "boot"):
        if name in figures:
            print(f"\n{name}: {json.dumps(rounded(figures[name]))}")
    for name, reason in without.items():
        print(f"left out: {name}: {reason}")
    print("\n" + targets.format_targets(figures), end="")


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("--cycles", type=int, default=15, help="starts and stops by each peer")
    arguments.add_argument("--long", action="store_true", help="also the crowd, and the boot where --debian is given")
    arguments.add_argument("--crowd", type=int, default=1000, help="containers that run at once")
    arguments.add_argument("--only", nargs="+", choices=PARTS, metavar="PART",
                           help="these parts: " + ", ".join(PARTS))
    arguments.add_argument("--debian", type=pathlib.Path, help="the root of a Debian with systemd, to be booted")
    arguments.add_argument("--again", action="store_true",
                           help="what is not measured now is taken from OUT/table.json: parts one after the other")
    arguments.add_argument("--without-stock", action="store_true")
    arguments.add_argument("--out", type=pathlib.Path, help="keep table.json, peers.png and growth.png there")
    options = arguments.parse_args()
    libvirt.registerErrorHandler(lambda *_: None, None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lxcell-table-"))
    folder.chmod(0o755)
    stage, figures, without, failed = None, {}, {}, 0
    if options.again:
        earlier = json.loads((options.out / "table.json").read_text())
        figures, without = earlier["figures"], earlier["left out"]
    try:
        stage = Stage(options.build.resolve(), folder)
        stage.begin(not options.without_stock)
        for name in options.only or [part for part in PARTS if options.long or part not in LONG]:
            began = time.monotonic()
            figures.pop(name, None)
            without.pop(name, None)
            try:
                figures[name] = PARTS[name](stage, options)
                if name == "crowd":
                    figures["growth"] = stage.growth
            except Unable as error:
                without[name] = str(error)
            except (RuntimeError, TimeoutError, libvirt.libvirtError, OSError) as error:
                without[name], failed = f"{type(error).__name__}: {error}", 1
            print(f"{name}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
        without.update(stage.without)
    finally:
        if stage:
            stage.end()
        shutil.rmtree(folder, ignore_errors=True)
    print_table(figures, without)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "table.json").write_text(json.dumps(rounded({"figures": figures, "left out": without}), indent=1) + "\n")
        draw(figures, options.out)
    return failed


if __name__ == "__main__":
    sys.exit(main())
