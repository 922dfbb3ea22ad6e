#!/usr/bin/python3
"""Runs GoogleTest programs and check commands, keeps their results as files, and adds them up.

  run-tests.py run RESULTS [--show] [--timeout S] [--again N] PROGRAM...   test programs, one after the other
  run-tests.py check RESULTS NAME COMMAND...                   one command; counts as one test
  run-tests.py skip RESULTS NAME REASON                        a step that cannot run here
  run-tests.py totals RESULTS... [--expect NAME...]            what failed, what was skipped, the totals

A program that is missing, crashes, hangs or runs no test counts as a failure, and so do a system_test all of whose
tests were skipped and a step that --expect names and that left no result in any RESULTS. Output is shown as it
comes with --show, otherwise only of programs that failed.

A program that hangs or crashes has the test it was at as a failure, and those that it had not come to run in another
turn, three turns at most: one hang does not cost what the others would have told.

With --again N, up to N tests that failed run once more, alone. Those that pass then are named in the totals as
unstable, with what failed first: something to mend, that does not hide what else a long run found. More than N failures
are no accident, and stand.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree

KILL_GRACE_SECONDS = 10
LEAST_TURN_SECONDS = 30
LONGEST_MESSAGE = 400
MOST_TURNS = 3


def save(results, name, record):
    os.makedirs(results, exist_ok=True)
    with open(os.path.join(results, name + ".json"), "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1)


def report(name, record, seconds):
    parts = [f"{record['passed']} passed"]
    if record.get("unstable"):
        parts.append(f"{len(record['unstable'])} of them unstable")
    if record["failed"]:
        parts.append(f"{len(record['failed'])} failed")
    if record["skipped"]:
        parts.append(f"{len(record['skipped'])} skipped")
    print(f"  {name}: {', '.join(parts)} ({seconds:.1f} s)", flush=True)


def run_logged(command, log_path, show, timeout):
    """Runs command with its output in log_path; returns its exit status, or None if it had to be killed."""
    with open(log_path, "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        timed_out = threading.Event()

        def stop():
            timed_out.set()
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(KILL_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                pass
            # Also ends what outlived the program and holds the pipe open.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

        timer = threading.Timer(timeout, stop)
        timer.start()
        try:
            for line in process.stdout:
                log.write(line)
                if show:
                    sys.stdout.buffer.write(line)
                    sys.stdout.flush()
            status = process.wait()
        finally:
            timer.cancel()
    return None if timed_out.is_set() else status


def short(message):
    return " ".join(message.split())[:LONGEST_MESSAGE]


def read_gtest_xml(path):
    record = {"passed": 0, "failed": [], "skipped": []}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        failures = [failure.get("message", "") for failure in case.iter("failure")]
        if failures:
            record["failed"].append([name, short(" | ".join(failures))])
        elif case.get("result") == "skipped" or skipped is not None:
            message = skipped.get("message", "") if skipped is not None else ""
            # The first line is the place in the source.
            record["skipped"].append([name, " ".join(message.split("\n", 1)[-1].split()) or "no reason given"])
        elif case.get("status") == "run":
            record["passed"] += 1
    return record


def read_gtest_log(path, how_it_ended):
    """What can be told of a program that did not live to write its results."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    started, passed, failed = [], 0, []
    ended = r"^\[ +(OK|FAILED|SKIPPED) +\] [^\n]*\(\d+ ms\)$"
    for name, output, verdict in re.findall(rf"^\[ RUN      \] (\S+)\n(.*?)(?:{ended}|\Z|^(?=\[ RUN ))", text,
                                            re.M | re.S):
        started.append(name)
        passed += verdict == "OK"
        if verdict == "FAILED":
            # As in the results: from the place in the source to what follows it.
            at = output.find(": Failure\n")
            failed.append([name, short(output[output.rfind("\n", 0, at) + 1:] if at >= 0 else output)])
    last = started[-1] if started else "before the first test"
    failed = [pair for pair in failed if pair[0] != last] + [[last, how_it_ended]]
    return {"passed": passed, "failed": failed, "skipped": [], "started": started}


def list_tests(program):
    """All that the program would run, by what GTEST_FILTER says; empty if it cannot be asked."""
    listed = subprocess.run([program, "--gtest_list_tests"], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                            text=True)
    tests, suite = [], ""
    for line in listed.stdout.splitlines() if listed.returncode == 0 else []:
        word = line.split("#")[0].strip()
        if line.startswith("  "):
            tests.append(suite + word)
        elif word.endswith("."):
            suite = word
    return [test for test in tests if "DISABLED_" not in test]


def run_once(program, results, show, timeout, only=(), word=""):
    name = os.path.basename(program)
    xml = os.path.join(results, name + (f".{word}" if word else "") + ".xml")
    log = xml.removesuffix(".xml") + ".log"
    if os.path.exists(xml):
        os.remove(xml)
    chosen = ["--gtest_filter=" + ":".join(only)] if only else []
    status = run_logged([program, f"--gtest_output=xml:{xml}", *chosen], log, show, timeout)
    if status is None:
        record = read_gtest_log(log, f"hung: killed after {timeout:.0f} s")
    elif os.path.exists(xml):
        record = read_gtest_xml(xml)
        if status != 0 and not record["failed"]:
            record["failed"].append([name, f"exit status {status} although no test failed"])
    else:
        ended = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        record = read_gtest_log(log, f"ended early: {ended}")
    if record["failed"] and not show:
        with open(log, encoding="utf-8", errors="replace") as file:
            lines = [line for line in file if not line.startswith(("[ RUN ", "[       OK "))]
        sys.stdout.write("".join(lines[-200:]))
    return record


def run_all(program, results, show, timeout):
    """One turn, and others for what one that hung or crashed had not come to; and whether one turn was enough."""
    deadline = time.monotonic() + timeout
    record = run_once(program, results, show, timeout)
    started = record.pop("started", None)
    whole = started is None
    log = os.path.join(results, os.path.basename(program) + ".log")
    for turn in range(2, MOST_TURNS + 1):
        left = [test for test in list_tests(program) if test not in started] if started else []
        if not left or time.monotonic() > deadline - LEAST_TURN_SECONDS:
            break
        os.rename(log, log.removesuffix(".log") + f".turn-{turn - 1}.log")
        more = run_once(program, results, show, deadline - time.monotonic(), left)
        started = started + more["started"] if more.get("started") else None
        record["passed"] += more["passed"]
        record["failed"] += more["failed"]
        record["skipped"] += more["skipped"]
    return record, whole


def run_program(program, results, show, timeout, again):
    name = os.path.basename(program)
    if not os.access(program, os.X_OK):
        return {"passed": 0, "failed": [[name, "the program was not built"]], "skipped": []}
    record, whole = run_all(program, results, show, timeout)
    # A hang or a crash is no accident.
    if whole and 0 < len(record["failed"]) <= again:
        second = run_once(program, results, show, timeout, [test for test, _ in record["failed"]], "again")
        still = {test for test, _ in second["failed"]}
        if second["passed"] + len(still) == len(record["failed"]):
            record["unstable"] = [pair for pair in record["failed"] if pair[0] not in still]
            record["failed"] = [pair for pair in record["failed"] if pair[0] in still]
            record["passed"] += len(record["unstable"])
    if not record["failed"] and not record["passed"]:
        if not record["skipped"]:
            record["failed"].append([name, "no test was run"])
        elif name == "system_test":
            record["failed"].append([name, "every test was skipped"])
    return record


def command_run(arguments):
    os.makedirs(arguments.results, exist_ok=True)
    # A report of undefined behaviour has to fail the test that met it.
    os.environ.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
    any_failed = False
    for program in arguments.programs:
        started = time.monotonic()
        record = run_program(program, arguments.results, arguments.show, arguments.timeout, arguments.again)
        name = os.path.basename(program)
        save(arguments.results, name, record)
        report(name, record, time.monotonic() - started)
        any_failed = any_failed or bool(record["failed"])
    return any_failed


def command_check(arguments):
    started = time.monotonic()
    status = subprocess.run(arguments.command, stdin=subprocess.DEVNULL, check=False).returncode
    failed = [[arguments.name, f"exit status {status}"]] if status else []
    record = {"passed": 0 if failed else 1, "failed": failed, "skipped": []}
    save(arguments.results, arguments.name, record)
    report(arguments.name, record, time.monotonic() - started)
    return bool(failed)


def command_skip(arguments):
    save(arguments.results, arguments.name,
         {"passed": 0, "failed": [], "skipped": [[arguments.name, arguments.reason]]})
    print(f"  {arguments.name}: skipped: {arguments.reason}", flush=True)
    return False


def command_totals(arguments):
    passed, failed, unstable, skipped = 0, [], [], {}
    files = [os.path.join(results, entry) for results in arguments.results if os.path.isdir(results)
             for entry in sorted(os.listdir(results)) if entry.endswith(".json")]
    for path in files:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
        step = os.path.relpath(path).removesuffix(".json").replace("/test-results", "")
        passed += record["passed"]
        failed += [(step, *pair) for pair in record["failed"]]
        unstable += [(step, *pair) for pair in record.get("unstable", [])]
        for name, reason in record["skipped"]:
            skipped.setdefault(reason, []).append(name)
    for name in arguments.expect:
        if not any(os.path.exists(os.path.join(results, name + ".json")) for results in arguments.results):
            failed.append((name, name, "was not run"))
    if skipped:
        print("skipped:")
        for reason, names in skipped.items():
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            print(f"  {reason}: {', '.join(names[:3])}{more}")
    for title, found in [("unstable, failed once and passed alone:", unstable), ("failed:", failed)]:
        if found:
            print(title)
        for step, name, why in found:
            print(f"  {step}: {name}" + (f": {why}" if why else ""))
    also = f", {len(unstable)} of them unstable" if unstable else ""
    print(f"{passed} passed{also}, {len(failed)} failed, {sum(map(len, skipped.values()))} skipped", flush=True)
    return bool(failed) or not passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run")
    run.add_argument("results")
    run.add_argument("--show", action="store_true")
    run.add_argument("--timeout", type=float, default=300)
    run.add_argument("--again", type=int, default=0, metavar="N")
    run.add_argument("programs", nargs="+", metavar="PROGRAM")
    run.set_defaults(act=command_run)
    check = commands.add_parser("check")
    check.add_argument("results")
    check.add_argument("name")
    check.add_argument("command", nargs=argparse.REMAINDER)
    check.set_defaults(act=command_check)
    skip = commands.add_parser("skip")
    skip.add_argument("results")
    skip.add_argument("name")
    skip.add_argument("reason")
    skip.set_defaults(act=command_skip)
    totals = commands.add_parser("totals")
    totals.add_argument("results", nargs="+")
    totals.add_argument("--expect", nargs="+", default=[], metavar="NAME")
    totals.set_defaults(act=command_totals)
    arguments = parser.parse_args()
    return int(arguments.act(arguments))


if __name__ == "__main__":
    sys.exit(main())
