#!/usr/bin/python3
"""Holds every #include of ours against the may-use table of ARCHITECTURE.md; prints each that breaks it."""
import pathlib
import re
import sys

MAY_USE = {
    "base": set(),
    "rpc": {"base"},
    "domain-xml": {"base"},
    "netlink": {"base"},
    "cgroup": {"base"},
    "container": {"base", "domain-xml", "netlink", "cgroup"},
    "driver": {"base", "rpc", "domain-xml", "container"},
    "importer": {"base", "domain-xml"},
}
# Tests also use the shared support, and may name a file beside them without its folder.
TESTS_MAY_ALSO_USE = {"support"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def problems_of(root, path):
    relative = path.relative_to(root)
    folder, in_tests = relative.parts[0], relative.parts[0] == "tests"
    if in_tests:
        folder = relative.parts[1]
    allowed = MAY_USE.get(folder)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match.group(1)
        used = target.split("/")[0]
        if in_tests and (path.parent / target).exists():
            continue
        if "/" not in target:
            problem = f'include "{target}" from the root of the tree: "{"/".join(relative.parts[:-1])}/{target}"'
        elif allowed is None or used == folder or used in allowed or (in_tests and used in TESTS_MAY_ALSO_USE):
            continue
        else:
            problem = f'"{folder}" may not use "{used}" ({target})'
        yield f"{relative}:{number}: {problem}"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    folders = [*MAY_USE, *(f"tests/{folder}" for folder in MAY_USE)]
    files = sorted(path for folder in folders for path in (root / folder).rglob("*") if path.suffix in (".hpp", ".cpp"))
    problems = [problem for path in files for problem in problems_of(root, path)]
    print("\n".join(problems) if problems else f"{len(files)} files include only what their folder may use")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
