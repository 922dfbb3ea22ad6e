#!/usr/bin/python3
"""Does what the documents say: runs their commands, validates their XML, follows their links.

  run.py [--vm] [--build DIR] DOCUMENT...

A fenced block is one of

  ```sh            run here, as root, with the other sh blocks of its document in one shell, by examples/tools/stage.sh
  ```sh vm         run in a machine where the package is installed (tests/vm/package.sh calls this with --vm)
  ```sh file=NAME  and any other language with file=: written to NAME, where the shell is
  ```text          what the block before it printed: its lines in this order; ... stands for anything
  ```xml           validated: a domain, or elements of one
  ```...           any other: only read

A comment `<!-- stage: OPTIONS -->` hands options to stage.sh. Indented blocks are only allowed in README.md, whose two
commands CI runs by themselves. Paths of this tree in `code` have to exist. Links to other sites are counted, not followed.
"""
import argparse
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\S*) ?(.*)$")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")
STAGE = re.compile(r"<!-- stage: (.*?) -->")
FOLDERS = {path.name for path in TREE.iterdir() if path.is_dir() and path.name != "build"}
INDENTED_COMMAND = re.compile(r"^ {4}(sudo|virsh|virt-\w+|apt(-get)?|systemctl|lxcell-\w+|cmake|virtlxcelld|examples/|tests/|git) ?")
MARK = "@@ block "
# Where an element stands that is shown by itself.
IN_DOMAIN = {"idmap", "features", "seclabel", "memtune", "cputune", "blkiotune", "numatune", "resource", "lxcell:container"}
DOMAIN = """<domain type='lxc' xmlns:lxcell='urn:lxcell:domain:1.0'><name>x</name><memory>65536</memory>
<os><type>exe</type><init>/x</init></os>{parts}<devices>{devices}</devices></domain>"""


@dataclasses.dataclass
class Block:
    line: int
    language: str
    words: list
    text: str

    @property
    def file(self):
        return next((word[5:] for word in self.words if word.startswith("file=")), None)


@dataclasses.dataclass
class Totals:
    documents: int = 0
    blocks: int = 0
    commands: int = 0
    elsewhere: int = 0
    expected: int = 0
    xml: int = 0
    links: int = 0
    outside: int = 0
    paths: int = 0
    problems: list = dataclasses.field(default_factory=list)


def parse(path):
    """The blocks of a document, and its text without them as (line, text)."""
    blocks, prose, block = [], [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fence = FENCE.match(line)
        if block is not None:
            if line == "```":
                blocks.append(block)
                block = None
            else:
                block.text += line + "\n"
        elif fence:
            block = Block(number, fence.group(1), fence.group(2).split(), "")
        else:
            prose.append((number, line))
    if block is not None:
        raise SystemExit(f"{path}:{block.line}: the block has no end")
    return blocks, prose


def anchors(path):
    """As GitHub makes them of headings."""
    found = set()
    for _, line in parse(path)[1]:
        if line.startswith("#"):
            text = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower().replace("`", ""))
            found.add(text.replace(" ", "-"))
    return found


def check_prose(path, prose, totals):
    for number, line in prose:
        place = f"{path.relative_to(TREE)}:{number}"
        for link in LINK.findall(line):
            totals.links += 1
            target, _, anchor = link.partition("#")
            if "://" in target or target.startswith("mailto:"):
                totals.outside += 1
                continue
            file = (path.parent / target).resolve() if target else path
            if not file.exists():
                totals.problems.append(f"{place}: no file '{target}'")
            elif anchor and anchor not in anchors(file):
                totals.problems.append(f"{place}: '{target}' has no heading '{anchor}'")
        for code in CODE.findall(line):
            first = code.split("/")[0]
            if "/" not in code or first not in FOLDERS or re.search(r"[^\w./*-]", code):
                continue
            totals.paths += 1
            # A file may be named without its ending: "container/supervisor".
            if not list(TREE.glob(code.rstrip("/"))) and not list(TREE.glob(code + ".*")):
                totals.problems.append(f"{place}: no file '{code}' in this tree")
        if INDENTED_COMMAND.match(line) and path.name != "README.md":
            totals.problems.append(f"{place}: a command that is only indented; put it into a fence, so that it is run")


def check_xml(path, block, totals):
    text = re.sub(r"<!--.*?-->", "", block.text, flags=re.S).strip()
    # What is left out of a domain that is shown in part.
    text = text.replace("  ...\n", "<name>x</name><memory>65536</memory><os><type>exe</type><init>/x</init></os>")
    if not text.startswith("<domain"):
        root = re.match(r"<([\w:-]+)", text)
        if not root:
            totals.problems.append(f"{path.relative_to(TREE)}:{block.line}: no element")
            return
        in_domain = root.group(1) in IN_DOMAIN
        text = DOMAIN.format(parts=text if in_domain else "", devices="" if in_domain else text)
    totals.xml += 1
    result = subprocess.run(["xmllint", "--noout", "--nonet", "--relaxng", TREE / "schemas/lxcell-domain.rng", "-"],
                            input=text, text=True, capture_output=True, check=False)
    if result.returncode:
        totals.problems.append(f"{path.relative_to(TREE)}:{block.line}: {result.stderr.strip()}")


def script_of(blocks):
    lines = ["set -eu"]
    for block in blocks:
        lines += [f"echo '{MARK}{block.line}'", block.text]
    lines.append(f"echo '{MARK}0'")
    return "\n".join(lines)


def outputs(text):
    """Line of each block that was begun to what it printed."""
    found, line = {}, None
    for one in text.splitlines():
        if one.startswith(MARK):
            line = int(one[len(MARK):])
            found[line] = []
        elif line is not None:
            found[line].append(one)
    return found


def pattern(line):
    return re.compile(r"\s*" + r"\s+".join(".*".join(map(re.escape, word.split("..."))) for word in line.split()) + r"\s*")


def missing_line(expected, printed):
    """The first line of what was to be printed that was not, in this order."""
    at = 0
    for line in expected:
        if line.strip() in ("", "..."):
            continue
        while at < len(printed) and not pattern(line).fullmatch(printed[at]):
            at += 1
        if at == len(printed):
            return line
        at += 1
    return None


def run_blocks(path, blocks, arguments, totals):
    chosen = [block for block in blocks if block.language == "sh" and not block.file
              and ("vm" in block.words) == arguments.vm]
    if not chosen:
        return
    stage = STAGE.search(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="lxcell-doc-") as folder:
        os.chmod(folder, 0o755)
        for block in blocks:
            if block.file:
                target = pathlib.Path(folder, block.file)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.text, encoding="utf-8")
        script = pathlib.Path(folder, ".script")
        build = arguments.build.resolve()
        script.write_text(f"cd {folder}\n" + script_of(chosen), encoding="utf-8")
        shell = ["env", "ANSIBLE_NOCOLOR=1", "ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3"]
        if arguments.vm:
            command = [*shell, "sh", str(script)]
        else:
            # Commands are written as after installing.
            shell += ["PATH=" + f"{build}/driver:{build}/importer:/usr/sbin:/usr/bin:/sbin:/bin", f"TREE={TREE}"]
            command = [TREE / "examples/tools/stage.sh", *(stage.group(1).split() if stage else []), *shell, "sh", script]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, errors="replace", timeout=1800, check=False)
    printed = outputs(result.stdout)
    for block in chosen:
        if block.line in printed:
            totals.blocks += 1
            totals.commands += sum(1 for line in block.text.splitlines() if line.strip() and line[0] not in " #})")
    if 0 not in printed:
        last = max(printed, default=chosen[0].line)
        said = "\n    ".join(printed.get(last, result.stdout.splitlines())[-15:])
        totals.problems.append(f"{path.relative_to(TREE)}:{last}: ended with {result.returncode}\n    {said}")
        return
    for before, block in zip(blocks, blocks[1:]):
        if block.language == "text" and before in chosen:
            totals.expected += 1
            line = missing_line(block.text.splitlines(), printed[before.line])
            if line is not None:
                said = "\n    ".join(printed[before.line])
                totals.problems.append(f"{path.relative_to(TREE)}:{block.line}: not printed: {line}\n    {said}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vm", action="store_true")
    parser.add_argument("--build", type=pathlib.Path, default=TREE / "build")
    parser.add_argument("documents", type=pathlib.Path, nargs="+")
    arguments = parser.parse_args()
    totals = Totals()
    for path in (document.resolve() for document in arguments.documents):
        totals.documents += 1
        blocks, prose = parse(path)
        if not arguments.vm:
            check_prose(path, prose, totals)
            for block in blocks:
                if block.language == "xml":
                    check_xml(path, block, totals)
        totals.elsewhere += sum(1 for block in blocks if block.language == "sh" and not block.file
                                and ("vm" in block.words) != arguments.vm)
        run_blocks(path, blocks, arguments, totals)
    for problem in totals.problems:
        print(problem)
    if arguments.vm:
        print(f"{totals.documents} documents in a machine: {totals.blocks} blocks run ({totals.commands} commands), "
              f"{totals.expected} outputs compared: {len(totals.problems)} wrong")
    else:
        print(f"{totals.documents} documents: {totals.blocks} blocks run ({totals.commands} commands), {totals.elsewhere} "
              f"left to the machine, {totals.expected} outputs compared, {totals.xml} pieces of XML valid, {totals.links} "
              f"links ({totals.outside} to other sites, not followed), {totals.paths} paths: {len(totals.problems)} wrong")
    return bool(totals.problems)


if __name__ == "__main__":
    sys.exit(main())
