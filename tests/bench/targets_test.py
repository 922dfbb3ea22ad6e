#!/usr/bin/python3
"""bench/targets.py and what bench/trace-start.py makes of a trace; without root."""
import importlib.util
import pathlib
import sys
import unittest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))
import targets  # noqa: E402


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


trace_start = load(BENCH / "trace-start.py")

TRACE = """# tracer: nop
      rpc-worker-10    [001] .....   5.000000: sys_enter: NR 1 (3, 7f00, 8)
      rpc-worker-10    [001] .....   5.000040: sys_exit: NR 1 = 8
      rpc-worker-10    [001] .....   5.000100: sys_enter: NR 435 (7f, 58)
      rpc-worker-10    [001] .....   5.000150: sched_process_fork: comm=rpc-worker pid=10 child_comm=rpc-worker child_pid=11
 lxcell:one two-11    [000] d..1.   5.000160: sched_process_exec: filename=/x/lxcell-supervisor pid=11 old_pid=11
      rpc-worker-10    [001] .....   5.000300: sys_exit: NR 435 = 11
 lxcell:one two-11    [000] .....   5.000310: sys_enter: NR 231 (0)
"""
NAMES = {1: "write", 435: "clone3", 231: "exit_group"}


class Targets(unittest.TestCase):
    def test_a_figure_that_is_missing_is_not_measured(self):
        target = targets.Target("x", targets.ratio(targets.figure("a", "b"), targets.figure("a", "c")), 2)
        for figures in ({}, {"a": {}}, {"a": {"b": 1.0}}, {"a": {"b": 1.0, "c": 0}}, {"a": 7}):
            self.assertEqual(target.verdict(figures), (None, "not measured"), figures)

    def test_a_crowd_too_small_says_nothing(self):
        target = targets.Target("x", targets.crowd("reconnect s"), 1)
        self.assertEqual(target.verdict({"crowd": {"containers": 10, "reconnect s": 0.2}}), (None, "not measured"))
        self.assertEqual(target.verdict({"crowd": {"containers": 1000, "reconnect s": 0.2}}), (0.2, "met"))

    def test_limits_hold_at_their_value(self):
        at_most = targets.Target("x", targets.figure("a"), 2)
        at_least = targets.Target("x", targets.figure("a"), 2, at_least=True)
        self.assertEqual([at_most.verdict({"a": value})[1] for value in (0, 2, 2.1)], ["met", "met", "MISSED"])
        self.assertEqual([at_least.verdict({"a": value})[1] for value in (1.9, 2, 9)], ["MISSED", "met", "met"])

    def test_rows_of_the_programs_become_medians(self):
        rows = [{"row": "start", "unit": "ms", "values": {"lxcell": {"median": 5.0, "p95": 7.0, "count": 3}}}]
        self.assertEqual(targets.medians(rows), {"start": {"lxcell": 5.0}})

    def test_every_target_can_be_met_and_missed(self):
        names = [target.name for target in targets.TARGETS]
        self.assertEqual(len(names), len(set(names)))
        figures = {"peers": {"start": {"lxcell": 5, "stock": 90, "floor": 2, "LXC tools": 17, "crun": 27},
                             "stop": {"lxcell": 2, "stock": 1800}, "supervisor PSS": {"lxcell": 600}},
                   "growth": {"statistics of all": {"100": 2.0, "1000": 25.0}}}
        verdicts = {target.name: target.verdict(figures)[1] for target in targets.TARGETS}
        self.assertEqual(verdicts["start, of the floor"], "met")
        self.assertEqual(verdicts["start, faster than stock"], "met")
        self.assertEqual(verdicts["destroy, faster than stock"], "met")
        self.assertEqual(verdicts["supervisor PSS"], "MISSED")
        self.assertEqual(verdicts["statistics, each at 1,000 to each at 100"], "met")
        self.assertEqual(verdicts["console"], "not measured")

    def test_numbers_have_three_digits(self):
        cases = {0: "0", 0.0123: "0.01", 0.5: "0.50", 3.14159: "3.14", 31.4159: "31.4", 314.159: "314", 31415.9: "31,416"}
        for value, text in cases.items():
            self.assertEqual(targets.number(value), text)
        self.assertEqual(targets.number(None), "-")

    def test_who_has_no_figure_has_a_dash(self):
        text = targets.format_peers({"start": {"lxcell": 5.0, "stock": 100.0}, "PSS": {"stock": 900.0}})
        self.assertEqual([line.split() for line in text.splitlines()],
                         [["lxcell", "stock"], ["start", "5.00", "100"], ["to", "ours", "1.00x", "20.0x"],
                          ["PSS", "-", "900"]])


class Trace(unittest.TestCase):
    def test_calls_have_their_time_and_result(self):
        steps, tasks = trace_start.parse(TRACE.splitlines(), NAMES)
        self.assertEqual(tasks, {10: "rpc-worker", 11: "lxcell:one two"})
        self.assertEqual([tuple(step) for step in steps],
                         [(10, 0, 40, "write = 8"), (10, 100, 200, "clone3 = 11"), (10, 150, 0, "makes 11"),
                          (11, 160, 0, "executes /x/lxcell-supervisor"), (11, 310, 0, "exit_group does not return")])

    def test_time_between_calls_is_computing(self):
        steps, _ = trace_start.parse(TRACE.splitlines(), NAMES)
        self.assertIn((10, 40, 60, "computes"), [tuple(step) for step in trace_start.with_gaps(steps)])

    def test_unknown_calls_have_their_number(self):
        steps, _ = trace_start.parse(TRACE.splitlines(), {})
        self.assertEqual(steps[0].text, "call 1 = 8")

    def test_sums_by_task_and_call(self):
        steps, _ = trace_start.parse((TRACE + TRACE.replace("5.000", "6.000")).splitlines(), NAMES)
        self.assertEqual(trace_start.sums(steps)[(10, "write")], (2, 80))


if __name__ == "__main__":
    unittest.main()
