// The spellings of every enumerator and the closed lists of words, shared by reading and writing.
#pragma once

#include "domain-xml/definition.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

inline constexpr Word<LifecycleAction> kLifecycleActions[] = {
    {LifecycleAction::Destroy, "destroy"},
    {LifecycleAction::Restart, "restart"},
    {LifecycleAction::RenameRestart, "rename-restart"},
    {LifecycleAction::Preserve, "preserve"},
    {LifecycleAction::CoredumpDestroy, "coredump-destroy"},
    {LifecycleAction::CoredumpRestart, "coredump-restart"},
};

inline constexpr Word<CapabilityPolicy> kCapabilityPolicies[] = {
    {CapabilityPolicy::Default, "default"},
    {CapabilityPolicy::Allow, "allow"},
    {CapabilityPolicy::Deny, "deny"},
};

inline constexpr Word<VcpuPlacement> kVcpuPlacements[] = {
    {VcpuPlacement::Static, "static"},
    {VcpuPlacement::Auto, "auto"},
};

inline constexpr Word<NumaMode> kNumaModes[] = {
    {NumaMode::Strict, "strict"},
    {NumaMode::Preferred, "preferred"},
    {NumaMode::Interleave, "interleave"},
    {NumaMode::Restrictive, "restrictive"},
};

inline constexpr Word<SecurityLabelType> kSecurityLabelTypes[] = {
    {SecurityLabelType::None, "none"},
    {SecurityLabelType::Dynamic, "dynamic"},
    {SecurityLabelType::Static, "static"},
};

inline constexpr Word<SharedNamespace::From> kSharedNamespaceSources[] = {
    {SharedNamespace::From::Name, "name"},
    {SharedNamespace::From::Pid, "pid"},
    {SharedNamespace::From::Netns, "netns"},
};

inline constexpr const char* kSeccompProfiles[] = {"default", "strict", "unconfined"};

inline constexpr Word<HostDeviceMode> kHostDeviceModes[] = {
    {HostDeviceMode::Subsystem, "subsystem"},
    {HostDeviceMode::Capabilities, "capabilities"},
};

inline constexpr Word<FilesystemType> kFilesystemTypes[] = {
    {FilesystemType::Mount, "mount"},   {FilesystemType::Bind, "bind"}, {FilesystemType::File, "file"},
    {FilesystemType::Block, "block"},   {FilesystemType::Ram, "ram"},   {FilesystemType::Template, "template"},
    {FilesystemType::Volume, "volume"},
};

inline constexpr const char* kDomainTypes[] = {"qemu",      "kqemu", "kvm",    "xen",    "lxc",  "uml",
                                               "openvz",    "test",  "vmware", "hyperv", "vbox", "phyp",
                                               "parallels", "bhyve", "vz",     "hvf"};
inline constexpr const char* kOsTypes[] = {"hvm", "xen", "linux", "exe", "uml", "xenpvh"};
inline constexpr const char* kArchitectures[] = {
    "alpha",   "armv6l",    "armv7l",      "armv7b", "aarch64",    "cris",         "i686",  "ia64",
    "itanium", "lm32",      "loongarch64", "m68k",   "microblaze", "microblazeel", "mips",  "mipsel",
    "mips64",  "mips64el",  "openrisc",    "parisc", "parisc64",   "ppc",          "ppc64", "ppc64le",
    "ppcemb",  "riscv32",   "riscv64",     "s390",   "s390x",      "sh4",          "sh4eb", "sparc",
    "sparc64", "unicore32", "x86_64",      "xtensa", "xtensaeb"};
/// libvirt's names of the capabilities, in the order they are printed; then those newer than its list.
inline constexpr const char* kCapabilityNames[] = {"audit_control",
                                                   "audit_write",
                                                   "block_suspend",
                                                   "chown",
                                                   "dac_override",
                                                   "dac_read_search",
                                                   "fowner",
                                                   "fsetid",
                                                   "ipc_lock",
                                                   "ipc_owner",
                                                   "kill",
                                                   "lease",
                                                   "linux_immutable",
                                                   "mac_admin",
                                                   "mac_override",
                                                   "mknod",
                                                   "net_admin",
                                                   "net_bind_service",
                                                   "net_broadcast",
                                                   "net_raw",
                                                   "setgid",
                                                   "setfcap",
                                                   "setpcap",
                                                   "setuid",
                                                   "sys_admin",
                                                   "sys_boot",
                                                   "sys_chroot",
                                                   "sys_module",
                                                   "sys_nice",
                                                   "sys_pacct",
                                                   "sys_ptrace",
                                                   "sys_rawio",
                                                   "sys_resource",
                                                   "sys_time",
                                                   "sys_tty_config",
                                                   "syslog",
                                                   "wake_alarm",
                                                   "audit_read",
                                                   "perfmon",
                                                   "bpf",
                                                   "checkpoint_restore"};

inline constexpr const char* kLockFailures[] = {"poweroff", "restart", "pause", "ignore"};
inline constexpr const char* kClockOffsets[] = {"utc", "localtime", "variable", "timezone", "absolute"};
inline constexpr const char* kTimerNames[] = {"platform", "pit",      "rtc",         "hpet",
                                              "tsc",      "kvmclock", "hypervclock", "armvtimer"};
inline constexpr const char* kTimerTickPolicies[] = {"delay", "catchup", "merge", "discard"};
inline constexpr const char* kTimerTracks[] = {"boot", "guest", "wall", "realtime"};
inline constexpr const char* kTimerModes[] = {"auto", "native", "emulate", "paravirt", "smpsafe"};

/// Of setrlimit(2), in the kernel's order: the index is the RLIMIT_ number.
inline constexpr const char* kResourceLimitNames[] = {"cpu",      "fsize",  "data",    "stack", "core",  "rss",
                                                      "nproc",    "nofile", "memlock", "as",    "locks", "sigpending",
                                                      "msgqueue", "nice",   "rtprio",  "rttime"};

inline constexpr const char* kAccessModes[] = {"passthrough", "mapped", "squash"};
inline constexpr const char* kMultidevs[] = {"default", "remap", "forbid", "warn"};
inline constexpr const char* kFilesystemModels[] = {"virtio", "virtio-transitional", "virtio-non-transitional"};
inline constexpr const char* kFilesystemDrivers[] = {"default", "path", "handle", "loop", "nbd", "ploop", "virtiofs"};
inline constexpr const char* kWritePolicies[] = {"default", "immediate"};
inline constexpr const char* kStorageFormats[] = {"none", "raw",  "dir",   "bochs", "cloop", "dmg",
                                                  "iso",  "vpc",  "vdi",   "fat",   "vhd",   "ploop",
                                                  "cow",  "qcow", "qcow2", "qed",   "vmdk",  "auto"};

inline constexpr const char* kDiskTypes[] = {"block", "file", "dir", "network", "volume", "nvme", "vhostuser"};
inline constexpr const char* kDiskDevices[] = {"disk", "cdrom", "floppy", "lun"};
inline constexpr const char* kDiskBuses[] = {"ide", "fdc", "scsi", "virtio", "xen", "usb", "uml", "sata", "sd", "none"};
inline constexpr const char* kDiskCaches[] = {"default", "none", "writethrough", "writeback", "directsync", "unsafe"};
inline constexpr const char* kStartupPolicies[] = {"mandatory", "requisite", "optional"};
inline constexpr const char* kSubsystemTypes[] = {"usb", "pci", "scsi", "scsi_host", "mdev"};
inline constexpr const char* kCapabilityTypes[] = {"storage", "misc", "net"};

inline constexpr const char* kInterfaceTypes[] = {"user",    "ethernet", "vhostuser", "server",   "client",
                                                  "mcast",   "network",  "bridge",    "internal", "direct",
                                                  "hostdev", "udp",      "vdpa",      "null",     "vds"};
inline constexpr const char* kDirectModes[] = {"vepa", "private", "bridge", "passthrough"};
inline constexpr const char* kNicModels[] = {"netfront",
                                             "rtl8139",
                                             "virtio",
                                             "e1000",
                                             "e1000e",
                                             "virtio-transitional",
                                             "virtio-non-transitional",
                                             "usb-net",
                                             "spapr-vlan",
                                             "lan9118",
                                             "scm91c111",
                                             "vlance",
                                             "vmxnet",
                                             "vmxnet2",
                                             "vmxnet3",
                                             "Am79C970A",
                                             "Am79C973",
                                             "82540EM",
                                             "82545EM",
                                             "82543GC",
                                             "igb"};
inline constexpr const char* kVirtualPortTypes[] = {"802.1Qbg", "802.1Qbh", "openvswitch", "midonet"};
/// In the order they are printed.
inline constexpr const char* kVirtualPortParameters[] = {"managerid",  "typeid",      "typeidversion",
                                                         "instanceid", "interfaceid", "profileid"};
inline constexpr const char* kVlanNativeModes[] = {"tagged", "untagged"};
inline constexpr const char* kCharTypes[] = {"null",     "vc",        "pty",  "dev",          "file",
                                             "pipe",     "stdio",     "udp",  "tcp",          "unix",
                                             "spicevmc", "spiceport", "nmdm", "qemu-vdagent", "dbus"};
inline constexpr const char* kConsoleTargets[] = {"serial", "xen", "uml", "virtio", "lxc", "openvz", "sclp", "sclplm"};

}  // namespace domain_xml
