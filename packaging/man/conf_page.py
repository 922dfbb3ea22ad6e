#!/usr/bin/python3
"""Makes the manual page virtlxcelld.conf(5) of the comments in virtlxcelld.conf.

  conf_page.py CONF PAGE

A comment belongs to the keys that follow it; one with an empty line after it belongs to its section.
"""
import re
import sys
import textwrap

HEAD = r"""This page is made from virtlxcelld.conf by conf_page.py.
.Dd $Mdocdate$
.Dt VIRTLXCELLD.CONF 5
.Os lxcell
.Sh NAME
.Nm virtlxcelld.conf
.Nd configuration of virtlxcelld
.Sh DESCRIPTION
"""
TAIL = r""".Sh FILES
.Bl -tag -width Ds
.It Pa /etc/libvirt/virtlxcelld.conf
.El
.Sh SEE ALSO
.Xr lxcell-domain 5 ,
.Xr virtlxcelld 8
"""
SECTION = re.compile(r"^# -{4} (.*?) -+$")
KEY = re.compile(r"^#?([a-z_]+) = (.*)$")


def words(text):
    """Running text as mdoc lines, a sentence each."""
    text = text.replace("\\", "\\e")
    for sentence in re.split(r"(?<=[.:])\s+(?=[A-Z\"])", text):
        for line in textwrap.wrap(sentence, 78, break_long_words=False, break_on_hyphens=False):
            yield ("\\&" if line[0] in ".'" else "") + line


def blocks(lines):
    """("section", title), ("text", text) and ("keys", [(key, value)], text), in their order."""
    comment, keys = [], []
    for line in [*lines, ""]:
        section, key = SECTION.match(line), KEY.match(line)
        if key:
            keys.append(key.groups())
            continue
        if keys:
            yield "keys", keys, " ".join(comment)
            comment, keys = [], []
        if section:
            yield "section", section.group(1), ""
        elif line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif comment:
            yield "text", None, " ".join(comment)
            comment = []


def page(lines):
    out, listing, first = [], False, True
    for kind, what, text in blocks(lines):
        if listing and kind != "keys":
            out.append(".El")
            listing = False
        if kind == "section":
            out.append(f".Sh {what.upper()}")
            first = True
            continue
        if kind == "text":
            if not first:
                out.append(".Pp")
            out.extend(words(text))
        else:
            if not listing:
                out.append(".Bl -tag -width Ds")
                listing = True
            for key, value in what:
                value = value.replace('"', "\\(dq")
                out.append(f".It Cm {key} No = Li \"{value}\"")
            out.extend(words(text) if text else ["As above."])
        first = False
    if listing:
        out.append(".El")
    return "\n".join(out) + "\n"


def main():
    conf, target = sys.argv[1:]
    with open(conf, encoding="utf-8") as file:
        text = page(file.read().splitlines())
    with open(target, "w", encoding="utf-8") as file:
        file.write('.\\" ' + HEAD.replace("$Mdocdate$", "November 22, 2026") + text + TAIL)


if __name__ == "__main__":
    main()
