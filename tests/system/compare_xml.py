#!/usr/bin/python3
"""Defines documents in two drivers, prints the differences of their answers as diffs and a summary line.

    compare_xml.py OUR_URI STOCK_URI DIFFERENCES FILE.xml...

DIFFERENCES lists the files that are meant to differ, one a line: its name, blanks, the reason. Anything else that
differs, and a file listed there that does not, fails the comparison.
"""
import difflib
import os
import re
import sys

import libvirt

VIEWS = {
    "inactive": libvirt.VIR_DOMAIN_XML_INACTIVE,
    "live": 0,
    "secure": libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE,
    "migratable": libvirt.VIR_DOMAIN_XML_MIGRATABLE,
}
# What a driver makes up when the document does not say it.
GENERATED = [
    r"<uuid>([-0-9a-f]{36})</uuid>",
    r"<genid>([-0-9a-f]{36})</genid>",
    r"(?:interface|instance)id='([-0-9a-f]{36})'",
    r"<mac address='(52:54:00:[:0-9a-f]{8})'",
    r"<emulator>(/.*)</emulator>",
]


def without_generated(xml, document):
    given = document.lower().replace("-", "")

    def mask(match):
        if match.group(1).replace("-", "") in given:
            return match.group(0)
        return match.group(0).replace(match.group(1), "GENERATED")

    for pattern in GENERATED:
        xml = re.sub(pattern, mask, xml)
    # An element with nothing in it has two spellings.
    return re.sub(r"<([-:\w]+)((?: [^<>]*)?)>\n *</\1>", r"<\1\2/>", xml)


class Driver:
    def __init__(self, uri):
        self.connection = libvirt.open(uri)

    def answer(self, document, source):
        """The dump in every view (only those that differ from the first are repeated), or the code of the refusal."""
        try:
            domain = self.connection.defineXML(document)
        except libvirt.libvirtError as error:
            self.connection.getLibVersion()  # a dead daemon is no refusal
            return "", f"refused with code {error.get_error_code()}\n", error.get_error_message()
        try:
            dumps = {name: domain.XMLDesc(flags) for name, flags in VIEWS.items()}
        finally:
            domain.undefine()
        first = dumps["inactive"]
        text = without_generated(first, source)
        for name, dump in dumps.items():
            if dump != first:
                text += f"-- {name} --\n" + without_generated(dump, source)
        return first, text, ""


def expectations(path):
    with open(path, encoding="utf-8") as lines:
        return dict(line.rstrip("\n").split(None, 1) for line in lines if line.strip() and not line.startswith("#"))


def compare(name, document, ours, stock):
    """The diff of the two answers, empty when they are the same."""
    theirs_dump, theirs, their_message = stock.answer(document, document)
    _, mine, my_message = ours.answer(document, document)
    what = "the document"
    if theirs == mine and theirs_dump:  # what stock has on disk has to mean the same here
        again = stock.answer(theirs_dump, document)
        _, mine, my_message = ours.answer(theirs_dump, document)
        what = "stock's own dump"
        if again[1] == mine:  # some of its dumps are not what it prints of them
            return ""
    if theirs == mine:
        return ""
    diff = difflib.unified_diff(theirs.splitlines(True), mine.splitlines(True), f"{name} stock", f"{name} ours, {what}")
    messages = [f"# stock: {their_message}\n" if their_message else "", f"# ours: {my_message}\n" if my_message else ""]
    return "".join(diff) + "".join(messages)


def main():
    our_uri, stock_uri, differences, *files = sys.argv[1:]
    libvirt.registerErrorHandler(lambda *_: None, None)
    ours, stock = Driver(our_uri), Driver(stock_uri)
    expected = expectations(differences)
    counts = {"identical": 0, "different as listed": 0, "DIFFERENT": 0, "LISTED BUT IDENTICAL": 0}
    for path in files:
        name = os.path.basename(path)
        with open(path, encoding="utf-8", newline="") as file:
            document = file.read()
        diff = compare(name, document, ours, stock)
        if diff:
            kind = "different as listed" if name in expected else "DIFFERENT"
        else:
            kind = "LISTED BUT IDENTICAL" if name in expected else "identical"
        counts[kind] += 1
        if kind == "identical":
            continue
        print(f"== {name}: {kind}{' (' + expected[name] + ')' if name in expected else ''}")
        sys.stdout.write(diff)
    print(f"{len(files)} documents: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return 1 if counts["DIFFERENT"] or counts["LISTED BUT IDENTICAL"] else 0


if __name__ == "__main__":
    sys.exit(main())
