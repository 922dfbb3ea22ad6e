// What this host's kernel can do for containers, found out by trying. For people who set a host up; starts do not ask.
#pragma once

#include <map>
#include <set>
#include <string>

namespace container {

struct HostOffers {
  /// Of something that was tried: empty when it works, else the kernel's words.
  using Trials = std::map<std::string, std::string>;

  unsigned kernel_major = 0, kernel_minor = 0;
  std::set<std::string> namespaces;          // as in /proc/self/ns: "mnt", "user" ...
  unsigned long user_namespaces = 0;         // how many there may be (user_namespaces(7))
  bool seccomp = false;                      // filters that answer with an errno
  bool unified = false;                      // cgroup controllers are on v2
  bool systemd = false;                      // the tree of cgroups is its own
  std::set<std::string> cgroup_controllers;  // "memory" ...; "devices" and "freezer" on v2 too
  Trials file_systems;                       // "overlay" ...
  std::string id_mapped_mounts;              // of /var/lib; as in Trials
  Trials links;                              // "bridge", "veth", "macvlan", "bandwidth"
  bool fuse = false, lxcfs = false;
  bool ovs = false;                        // Open vSwitch's database listens
  bool apparmor = false, selinux = false;  // enabled
  unsigned long ptys = 0;                  // kernel.pty.max
  unsigned long inotify_instances = 0;     // fs.inotify.max_user_instances
};

/// Makes some things in namespaces of its own, which go with them. Needs root; one thread only, as it forks.
HostOffers find_host_offers();

}  // namespace container
