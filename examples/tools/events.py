#!/usr/bin/python3
"""libvirt-python's event loop: prints the events of a domain and its console while another connection drives it.

  events.py URI DOMAIN
"""
import sys
import threading

import libvirt

NIC = "<interface type='bridge'><source bridge='demo'/><mac address='02:00:00:00:00:01'/></interface>"
LIFECYCLE = {getattr(libvirt, name): name[len("VIR_DOMAIN_EVENT_"):].capitalize()
             for name in ("VIR_DOMAIN_EVENT_DEFINED", "VIR_DOMAIN_EVENT_STARTED", "VIR_DOMAIN_EVENT_SUSPENDED",
                          "VIR_DOMAIN_EVENT_RESUMED", "VIR_DOMAIN_EVENT_STOPPED")}
stopped = threading.Event()
console_text = threading.Event()


def on_lifecycle(_connection, domain, event, detail, _data):
    print(f"lifecycle: {LIFECYCLE[event]} ({detail}) of {domain.name()}")
    if event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
        stopped.set()


def on_device(_connection, _domain, alias, what):
    print(f"device {what}: {alias}")


def on_metadata(_connection, _domain, kind, _uri, _data):
    print(f"metadata: {kind}")


def on_tunable(_connection, _domain, values, _data):
    print(f"tunable: {values}")


def on_console(stream, events, seen):
    if events & libvirt.VIR_STREAM_EVENT_READABLE:
        data = stream.recv(4096)
        if data and data != -2:
            seen.append(data)
            if b"serves" in b"".join(seen) and not console_text.is_set():
                print("console:", b"".join(seen).decode().splitlines()[0].split(",")[0])
                console_text.set()
    if events & (libvirt.VIR_STREAM_EVENT_HANGUP | libvirt.VIR_STREAM_EVENT_ERROR):
        stream.eventRemoveCallback()


def drive(uri, name):
    """What somebody else does meanwhile."""
    domain = libvirt.open(uri).lookupByName(name)
    domain.create()
    console_text.wait(20)
    domain.suspend()
    domain.resume()
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "watched", None, None, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    domain.setSchedulerParametersFlags({"cpu_shares": 512}, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    domain.attachDevice(NIC)
    domain.detachDevice(NIC)
    domain.destroy()


def main():
    uri, name = sys.argv[1:3]
    libvirt.virEventRegisterDefaultImpl()
    connection = libvirt.open(uri)
    domain = connection.lookupByName(name)
    connection.setKeepAlive(5, 3)
    connection.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, on_lifecycle, None)
    connection.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, on_metadata, None)
    connection.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_TUNABLE, on_tunable, None)
    connection.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, on_device, "added")
    connection.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, on_device, "removed")
    # A timer, so that the loop comes by when nothing happens.
    libvirt.virEventAddTimeout(200, lambda *_: None, None)

    driver = threading.Thread(target=drive, args=(uri, name))
    driver.start()
    stream = None
    while not stopped.is_set():
        libvirt.virEventRunDefaultImpl()
        if stream is None and domain.isActive():
            stream = connection.newStream(libvirt.VIR_STREAM_NONBLOCK)
            domain.openConsole(None, stream, 0)
            stream.eventAddCallback(
                libvirt.VIR_STREAM_EVENT_READABLE | libvirt.VIR_STREAM_EVENT_HANGUP | libvirt.VIR_STREAM_EVENT_ERROR,
                on_console, [])
    driver.join()


if __name__ == "__main__":
    main()
