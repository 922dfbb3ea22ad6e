#!/usr/bin/python3
"""Shows where the time of one start goes: every system call of the daemon, the supervisor, the builder and init.

  trace-start.py [--json FILE] [--all] [--uri URI] DOMAIN
     --uri      lxcell:///system unless told
     --all      every call; otherwise those that took 20 us or more, and what was computed for as long between two
     --daemon   the daemon's process id; otherwise it is asked for by the socket of URI
     --call     start (then destroyed again if it was not running), destroy, info or stats

The kernel's own tracing writes it down (raw_syscalls, by process and whatever comes of it), so daemon and supervisor
carry no probes and pay nothing when nobody looks. The times have in them what writing them down costs. Root only.
"""
import argparse
import collections
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time

TRACEFS = "/sys/kernel/tracing"
EVENTS = ("raw_syscalls/sys_enter", "raw_syscalls/sys_exit", "sched/sched_process_fork", "sched/sched_process_exec")
# "  virtlxcelld-123     [001] .....  12.345678: sys_enter: NR 1 (5, 7f.., 8)"
LINE = re.compile(r"^\s*(?P<name>.+)-(?P<task>\d+)\s+\[\d+\]\s+\S+\s+(?P<time>\d+\.\d+): (?P<event>\w+): (?P<rest>.*)$")
CALL_NUMBERS = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h",
                "/usr/include/asm-generic/unistd.h")

Step = collections.namedtuple("Step", "task at took text")  # microseconds


def call_names():
    """System call numbers to names, from the kernel's headers."""
    for path in CALL_NUMBERS:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return {int(number): name for name, number in re.findall(r"#define __NR_(\w+)\s+(\d+)", file.read())}
    return {}


def parse(lines, names):
    """(steps in order of their beginning, task ids to names). A call that does not return, as exec of another program
    or exit, is a step of no length."""
    begun, steps, tasks, first = {}, [], {}, None
    for line in lines:
        match = LINE.match(line)
        if not match:
            continue
        task, now = int(match["task"]), round(float(match["time"]) * 1e6)
        first = now if first is None else first
        now -= first
        tasks[task] = match["name"].strip()
        if match["event"] == "sys_enter":
            number = int(re.match(r"NR (-?\d+)", match["rest"]).group(1))
            begun[task] = (now, names.get(number, f"call {number}"))
        elif match["event"] == "sys_exit" and task in begun:
            began, name = begun.pop(task)
            result = int(match["rest"].rsplit("=", 1)[1])
            steps.append(Step(task, began, now - began, f"{name} = {result}"))
        elif match["event"] == "sched_process_fork":
            child = re.search(r"child_pid=(\d+)", match["rest"])
            steps.append(Step(task, now, 0, f"makes {child.group(1)}"))
        elif match["event"] == "sched_process_exec":
            program = re.search(r"filename=(\S+)", match["rest"])
            steps.append(Step(task, now, 0, f"executes {program.group(1)}"))
    for task, (began, name) in begun.items():
        steps.append(Step(task, began, 0, f"{name} does not return"))
    return sorted(steps, key=lambda step: step.at), tasks


def with_gaps(steps):
    """The steps, and between two of one task "computes" for the time that no call took."""
    ended, found = {}, []
    for step in steps:
        before = ended.get(step.task)
        if before is not None and step.at > before:
            found.append(Step(step.task, before, step.at - before, "computes"))
        found.append(step)
        ended[step.task] = max(before or 0, step.at + step.took)
    return sorted(found, key=lambda step: step.at)


def sums(steps):
    """Calls by task and name: {(task, call): (how often, microseconds)}."""
    found = collections.defaultdict(lambda: (0, 0))
    for step in steps:
        key = (step.task, step.text.split(" = ")[0])
        count, took = found[key]
        found[key] = (count + 1, took + step.took)
    return dict(found)


def waits(step):
    """Calls in which a process waits for others: shown, but not counted as work."""
    return re.match(r"(epoll_wait|epoll_pwait|futex|poll|ppoll|wait4|waitid|read|recvmsg|recvfrom|pause|clock_nanosleep|nanosleep)\b",
                    step.text) is not None


def print_steps(steps, tasks, least):
    columns = {task: i for i, task in enumerate(dict.fromkeys(step.task for step in steps))}
    print("   at us  took us  process")
    for step in with_gaps(steps):
        marked = step.took >= least or step.text.startswith(("makes", "executes"))
        if marked:
            print(f"{step.at:8} {step.took:8}  {'  ' * columns[step.task]}{tasks.get(step.task, '?')}-{step.task}: {step.text}")
    print("\nwork by process and call (waiting left out), us")
    work = collections.defaultdict(list)
    for (task, call), (count, took) in sums([step for step in steps if not waits(step)]).items():
        work[task].append((took, count, call))
    for task, calls in sorted(work.items(), key=lambda item: -sum(took for took, _, _ in item[1])):
        total = sum(took for took, _, _ in calls)
        top = ", ".join(f"{call} {took}" + (f" ({count})" if count > 1 else "")
                        for took, count, call in sorted(calls, reverse=True)[:9] if took)
        print(f"{total:8}  {tasks.get(task, '?')}-{task}: {top}")


def threads_and_template(pid):
    """Of the daemon, and the process that its supervisors are copies of."""
    tasks = os.listdir(f"/proc/{pid}/task")
    found = list(tasks)
    for task in tasks:
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            for child in file.read().split():
                with open(f"/proc/{child}/comm", encoding="utf-8", errors="replace") as name:
                    if name.read() == "lxcell-template\n":
                        found.append(child)
    return found


class Recorder:
    """An instance of the kernel's ring buffer of our own, which other users of tracing do not notice."""

    def __init__(self, pid):
        if not os.path.exists(f"{TRACEFS}/instances"):
            subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACEFS], check=True)
        self.folder = f"{TRACEFS}/instances/lxcell-{os.getpid()}"
        os.mkdir(self.folder)
        self.write("buffer_size_kb", "16384")
        self.write("options/event-fork", "1")
        self.write("trace_clock", "mono")
        self.write("set_event_pid", " ".join(threads_and_template(pid)) + "\n")
        for event in EVENTS:
            self.write(f"events/{event}/enable", "1")

    def write(self, name, text):
        with open(f"{self.folder}/{name}", "w", encoding="ascii") as file:
            file.write(text)

    def __enter__(self):
        self.write("trace", "")
        self.write("tracing_on", "1")
        return self

    def __exit__(self, *_):
        self.write("tracing_on", "0")

    def take(self):
        with open(f"{self.folder}/trace", encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
        for event in EVENTS:
            self.write(f"events/{event}/enable", "0")
        os.rmdir(self.folder)
        return lines


def daemon_of(connection_uri):
    """Who listens on the socket that the URI names."""
    match = re.search(r"socket=([^&]+)", connection_uri)
    path = match.group(1) if match else "/run/libvirt/virtlxcelld-sock"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        return struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


def main():
    import libvirt  # not needed by who only reads a trace
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("domain")
    arguments.add_argument("--uri", default="lxcell:///system")
    arguments.add_argument("--daemon", type=int)
    arguments.add_argument("--call", choices=("start", "destroy", "info", "stats"), default="start")
    arguments.add_argument("--all", action="store_true")
    arguments.add_argument("--json")
    options = arguments.parse_args()

    connection = libvirt.open(options.uri)
    domain = connection.lookupByName(options.domain)
    if options.call == "start":
        domain.create()  # what the first start of a daemon does once is no part of it
        domain.destroy()
        time.sleep(0.1)
    calls = {"start": domain.create, "destroy": domain.destroy, "info": domain.info,
             "stats": connection.getAllDomainStats}
    recorder = Recorder(options.daemon or daemon_of(options.uri))
    try:
        with recorder:
            began = time.monotonic()
            calls[options.call]()
            took = (time.monotonic() - began) * 1e6
    finally:
        lines = recorder.take()
    if options.call == "start":
        domain.destroy()
    steps, tasks = parse(lines, call_names())
    steps = [step for step in steps if step.at <= took]
    print_steps(steps, tasks, 0 if options.all else 20)
    print(f"\n{options.call} of '{options.domain}' as the client saw it: {took:.0f} us, {len(steps)} steps")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"took_us": took, "steps": [dict(step._asdict(), process=tasks.get(step.task, "?"))
                                                  for step in steps]}, file, indent=1)


if __name__ == "__main__":
    sys.exit(main())
