#!/usr/bin/python3
"""Uses a running virt-manager as somebody with a mouse would, found by its accessible names, and takes pictures.

  virt-manager.py DIR     the pictures go to DIR; virt-manager.sh prepares what is needed and calls this
Each step waits for what it should bring about and fails after PATIENCE_SECONDS.
"""
import subprocess
import sys
import time

import pyatspi

PATIENCE_SECONDS = 90
LXCELL = "lxcell:///system"


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def until(what, condition):
    """The first true value of condition(), which may fail while windows come and go."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
        except Exception:  # an accessible object that has just gone raises errors of several kinds
            pass
        time.sleep(0.1)
    run("import", "-window", "root", f"{sys.argv[1]}/failed.png")
    sys.exit(f"virt-manager.py: no {what} after {PATIENCE_SECONDS} s; see failed.png")


def below(node):
    yield node
    for child in node:
        if child:
            yield from below(child)


def visible(node):
    return node.getState().contains(pyatspi.STATE_SHOWING)


def application():
    return until("virt-manager", lambda: next(a for a in pyatspi.Registry.getDesktop(0) if a.name == "virt-manager"))


def find(root, role, name):
    """The visible object of that role whose name begins with `name`."""
    return until(f"{role} '{name}'", lambda: next(
        n for n in below(root) if n.getRoleName() == role and n.name.startswith(name) and visible(n)))


def click(node):
    place = node.queryComponent().getExtents(pyatspi.DESKTOP_COORDS)
    run("xdotool", "mousemove", str(place.x + place.width // 2), str(place.y + place.height // 2), "click", "1")


def type_text(text):
    run("xdotool", "type", "--delay", "30", text)
    run("xdotool", "key", "Return")


def place(title, x, y, width, height):
    window = until(f"window '{title}'", lambda: run("xdotool", "search", "--onlyvisible", "--name", title).split()[-1])
    run("xdotool", "windowsize", "--sync", window, str(width), str(height))
    run("xdotool", "windowmove", "--sync", window, str(x), str(y))


def picture(name, crop=None):
    """The screen as it is, or WIDTHxHEIGHT+X+Y of it, without a tooltip, in 64 colours."""
    run("xdotool", "mousemove", "1179", "899")
    time.sleep(1)
    cropped = ["-crop", crop, "+repage"] if crop else []
    run("import", "-window", "root", *cropped, "+dither", "-colors", "64", "-strip", f"{sys.argv[1]}/{name}.png")
    print(f"picture {name}.png")


def domstate(name, uri=LXCELL):
    return run("virsh", "-c", uri, "domstate", name)


def until_state(name, state):
    until(f"'{name}' {state}", lambda: domstate(name) == state)
    print(f"{name} is {state}")


def open_window(main, name, title):
    click(find(main, "table cell", f"{name}\n"))
    click(find(main, "push button", "Open"))
    return find(application(), "frame", title)


def make_container(manager):
    """Walks the assistant for new guests: an operating system container from a root filesystem."""
    click(find(manager, "table cell", "web\n"))
    click(find(manager, "push button", "New"))
    assistant = find(application(), "frame", "New VM")

    def forward(button="Forward"):
        page = find(assistant, "label", "pagenum-label").queryText().getText(0, -1)
        click(find(assistant, "push button", button))
        if button == "Forward":
            until("next page", lambda: find(assistant, "label", "pagenum-label").queryText().getText(0, -1) != page)

    def fields(role):
        return [n for n in below(assistant) if n.getRoleName() == role and visible(n)]

    click(find(assistant, "radio button", "Operating system container"))
    forward()
    fields("text")[0].queryEditableText().setTextContents("/var/lib/libvirt/lxcell/examples/busybox")
    forward()
    fields("spin button")[-1].queryValue().currentValue = 64
    forward()
    fields("text")[-1].queryEditableText().setTextContents("demo")  # the bridge
    forward("Finish")
    find(application(), "frame", "container1 on lxcell")
    until_state("container1", "running")


def main():
    manager = find(application(), "frame", "Virtual Machine Manager")
    place("Virtual Machine Manager", 0, 560, 1180, 310)
    find(manager, "table cell", "web\nRunning")
    find(manager, "table cell", "machine\nRunning")

    open_window(manager, "machine", "machine on QEMU/KVM")
    place("^machine on QEMU", 590, 0, 588, 530)
    shell = open_window(manager, "shell", "shell on lxcell")
    place("^shell on lxcell", 0, 0, 588, 530)

    # Started by the button, and its console typed into.
    click(find(shell, "push button", "Run"))
    until_state("shell", "running")
    console = find(shell, "terminal", "Serial Terminal")
    until("prompt", lambda: "/ #" in console.queryText().getText(0, -1))
    click(console)
    type_text("ip address add 192.0.2.2/24 dev eth0; ip link set eth0 up")
    type_text("clear; grep Mem /proc/meminfo; ping -c 3 192.0.2.1")
    until("answer", lambda: "3 packets received" in console.queryText().getText(0, -1))
    print("the console answered")
    # Something for the graphs to show, of which they want some seconds.
    type_text("ping -q -i 0.02 -s 8000 192.0.2.1 >/dev/null &")
    type_text("while :; do timeout 2 sha256sum /dev/zero; sleep 3; done")
    time.sleep(20)
    picture("virt-manager")

    click(find(shell, "radio button", "Details"))
    rows = find(shell, "table", "hw-list")
    click(find(rows, "table cell", "Performance"))
    place("^shell on lxcell", 0, 0, 642, 660)
    picture("virt-manager-performance", "644x685+0+0")
    for row in ("Overview", "OS information", "CPUs", "Boot Options", "Console 1", "NIC", "Filesystem /"):
        click(find(rows, "table cell", row))
        time.sleep(0.5)

    # The memory of the running container, from the page of its details.
    click(find(rows, "table cell", "Memory"))
    find(shell, "spin button", "Memory Select").queryValue().currentValue = 96
    until("button Apply", lambda: find(shell, "push button", "config-apply").getState().contains(pyatspi.STATE_SENSITIVE))
    click(find(shell, "push button", "config-apply"))
    until("96 MiB", lambda: "<currentMemory unit='KiB'>98304<" in run("virsh", "-c", LXCELL, "dumpxml", "shell"))
    print("shell has 96 MiB")
    picture("virt-manager-memory", "644x685+0+0")

    click(find(shell, "toggle button", "Pause"))
    until_state("shell", "paused")
    find(manager, "table cell", "shell\nPaused")
    click(find(shell, "toggle button", "Pause"))
    until_state("shell", "running")
    click(find(shell, "toggle button", "Menu"))
    click(find(shell, "menu item", "Force Off"))
    click(find(application(), "push button", "Yes"))
    until_state("shell", "shut off")
    find(manager, "table cell", "shell\nShutoff")

    # The other container ends by itself when it is asked to.
    click(find(manager, "table cell", "web\n"))
    click(find(manager, "push button", "Shut Down"))
    until_state("web", "shut off")

    make_container(manager)


if __name__ == "__main__":
    main()
