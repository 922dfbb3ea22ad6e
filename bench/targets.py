"""What is promised, and whether figures keep it. Pure: figures in, verdicts and text out."""
import dataclasses
import statistics


CROWD = 1000


@dataclasses.dataclass
class Target:
    """`value` of the figures is at most, or at least, `limit`; both are what a reader sees in the table."""
    name: str
    value: object  # figures -> number, or None where something was not measured
    limit: float
    unit: str = ""
    at_least: bool = False

    def verdict(self, figures):
        value = self.value(figures)
        if value is None:
            return None, "not measured"
        return value, "met" if (value >= self.limit if self.at_least else value <= self.limit) else "MISSED"


def figure(*path):
    """What stands at `path` in the figures: figure("peers", "start", "lxcell")."""
    def look(figures):
        for word in path:
            figures = figures.get(word) if isinstance(figures, dict) else None
            if figures is None:
                return None
        return figures
    return look


def crowd(word):
    """Of the containers that ran at once: only where there were as many as it is promised for."""
    def look(figures):
        enough = (figure("crowd", "containers")(figures) or 0) >= CROWD
        return figure("crowd", word)(figures) if enough else None
    return look


def ratio(above, below):
    def divide(figures):
        dividend, divisor = above(figures), below(figures)
        return dividend / divisor if dividend is not None and divisor else None
    return divide


def medians(rows):
    """{row: {column: median}} of what the programs write with --json."""
    return {row["row"]: {column: value["median"] for column, value in row["values"].items()} for row in rows}


def peer(row, name):
    return figure("peers", row, name)


def call(row):
    """How many times faster than stock."""
    return ratio(figure("calls", row, "stock"), figure("calls", row, "lxcell"))


TARGETS = [
    Target("start, of the floor", ratio(peer("start", "lxcell"), peer("start", "floor")), 2.5, "x"),
    Target("start, faster than stock", ratio(peer("start", "stock"), peer("start", "lxcell")), 15, "x", at_least=True),
    Target("start, of lxc-start's", ratio(peer("start", "lxcell"), peer("start", "LXC tools")), 1, "x"),
    Target("start, of crun's without network", ratio(peer("start", "lxcell"), peer("start", "crun")), 1, "x"),
    Target("destroy, faster than stock", ratio(peer("stop", "stock"), peer("stop", "lxcell")), 200, "x", at_least=True),
    Target("parallel starts, 8 clients, of stock's rate",
           ratio(figure("parallel", "lxcell", "8"), figure("parallel", "stock", "8")), 8, "x", at_least=True),
    Target("info, faster than stock", call("info"), 4, "x", at_least=True),
    Target("state, faster than stock", call("state"), 4, "x", at_least=True),
    Target("lookup, faster than stock", call("lookup"), 4, "x", at_least=True),
    Target("XML dump, faster than stock", call("xml"), 4, "x", at_least=True),
    Target("200 idle clients, daemon's CPU", figure("idle clients", "lxcell", "cpu ms/s"), 0.1, "ms/s"),
    Target("200 idle clients, daemon's wake-ups", figure("idle clients", "lxcell", "wake-ups/s"), 0, "/s"),
    Target("event to 100 clients, first to last", figure("fan-out", "lxcell"), 1, "ms"),
    Target("statistics of 1,000 running", figure("growth", "statistics of all", "1000"), 25, "ms"),
    Target("statistics, each at 1,000 to each at 100",
           ratio(lambda figures: scaled(figures, "statistics of all", 1000),
                 lambda figures: scaled(figures, "statistics of all", 100)), 1.25, "x"),
    Target("list of 10,000 defined", figure("definitions", "list ms"), 10, "ms"),
    Target("supervisor PSS", peer("supervisor PSS", "lxcell"), 512, "KiB"),
    Target("daemon RSS, 1,000 running", crowd("daemon RSS MiB"), 25, "MiB"),
    Target("daemon's wake-ups, 1,000 idle containers", crowd("daemon wake-ups/s"), 0, "/s"),
    Target("supervisors' wake-ups, 1,000 idle containers", crowd("supervisor wake-ups/s"), 0, "/s"),
    Target("daemon start with 10,000 definitions", figure("definitions", "start s"), 2, "s"),
    Target("reconnect to 1,000 running", crowd("reconnect s"), 1, "s"),
    Target("network throughput, of a bare veth pair's", figure("network", "between two, of bare ones'", "lxcell"), 0.97,
           "x", at_least=True),
    Target("network answer, of a bare veth pair's", figure("network", "answer, of bare ones'", "lxcell"), 1.03, "x"),
    Target("console", figure("console", "lxcell"), 200, "MB/s", at_least=True),
    Target("Debian system container to login, of nspawn's",
           ratio(figure("boot", "lxcell"), figure("boot", "nspawn")), 1, "x"),
]


def scaled(figures, row, count):
    """What one container costs among `count`."""
    value = figure("growth", row, str(count))(figures)
    return value / count if value is not None else None


def median(values):
    return statistics.median(values) if values else None


def number(value):
    """Three digits, or what is before the point."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    digits = max(0, 3 - len(str(int(abs(value)))))
    return f"{value:,.{digits}f}"


def format_rows(rows):
    """Columns as wide as their widest word; numbers right, words left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "".join("  ".join([row[0].ljust(widths[0])] + [row[i].rjust(widths[i]) for i in range(1, len(row))]).rstrip()
                   + "\n" for row in rows)


def format_peers(peers, ours="lxcell"):
    """Medians of everybody, and below each row what it is to ours; without, where `ours` is None."""
    columns = list(dict.fromkeys(column for row in peers.values() for column in row))
    rows = [[""] + columns]
    for name, values in peers.items():
        rows.append([name] + [number(values.get(column)) for column in columns])
        if ours and values.get(ours):
            rows.append(["  to ours"] + [number(values[column] / values[ours]) + "x" if column in values else "-"
                                         for column in columns])
    return format_rows(rows)


def format_targets(figures, targets=None):
    rows = [["target", "", "measured", ""]]
    for target in targets or TARGETS:
        value, verdict = target.verdict(figures)
        rows.append([target.name, f"{'>=' if target.at_least else '<='} {number(target.limit)} {target.unit}".rstrip(),
                     f"{number(value)} {target.unit}".rstrip() if value is not None else "-", verdict])
    return format_rows(rows)
