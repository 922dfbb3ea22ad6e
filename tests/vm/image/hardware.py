"""The emulated machine as qemu is told to make it. Saved memory fits only the very same one."""
import os

SHARES = 4  # folders of the host, always as many
SPARE_CARD = "0x1e"  # its slot on the PCI bus
# norandmaps makes fork and exec two to four times faster: translated code is used again.
KERNEL_OPTIONS = ("root=/dev/vda rw console=ttyS0 quiet loglevel=4 systemd.show_status=0 "
                  "systemd.unified_cgroup_hierarchy=1 apparmor=1 security=apparmor mitigations=off nokaslr norandmaps "
                  "no_timer_check panic=-1 net.ifnames=0")


def memory_of_two_nodes():
    options = []
    for node in (0, 1):
        options += ["-object", f"memory-backend-ram,id=memory{node},size=1024M",
                    "-numa", f"node,nodeid={node},cpus={node},memdev=memory{node}"]
    return options


def qemu_command(image, disk, run, folders):
    """disk: a -drive option; run: the folder with the named pipes; folders: SHARES pairs of path and writable."""
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-machine", "pc", "-smp", "2",
               "-m", "2048", *memory_of_two_nodes(), "-nodefaults", "-display", "none", "-no-user-config", "-no-reboot",
               "-kernel", os.path.join(image, "vmlinuz"), "-initrd", os.path.join(image, "initrd"),
               "-append", KERNEL_OPTIONS, "-drive", disk, "-device", "virtio-rng-pci",
               # A network card that nothing is behind and nobody uses: one to lend.
               "-netdev", "hubport,id=spare,hubid=0",
               "-device", f"virtio-net-pci,netdev=spare,addr={SPARE_CARD},romfile=",
               "-qmp", f"unix:{run}/control,server=on,wait=off",
               "-chardev", f"file,id=console,path={run}/console", "-serial", "chardev:console",
               "-device", "virtio-serial-pci",
               "-chardev", f"pipe,id=command,path={run}/command",
               "-device", "virtserialport,chardev=command,name=vm.command"]
    for port in ("output", "status"):
        command += ["-chardev", f"file,id={port},path={run}/{port}",
                    "-device", f"virtserialport,chardev={port},name=vm.{port}"]
    for number, (folder, writable) in enumerate(folders):
        command += ["-fsdev", f"local,id=share{number},path={folder.replace(',', ',,')},security_model=none,"
                              f"multidevs=remap,readonly={'off' if writable else 'on'}",
                    "-device", f"virtio-9p-pci,fsdev=share{number},mount_tag=vm{number}"]
    return command
