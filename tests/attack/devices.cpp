// Device nodes: made anew, found in the image, or allowed after the fact.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
namespace {

constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

/// ENXIO and the like: the device is not there, but access would have been given.
Outcome open_node(const std::string& path) {
  const File node(open(path.c_str(), kFlags));
  return judge_past_permission(node.get());
}

std::function<Outcome(const Facts&)> node(mode_t type, unsigned major, unsigned minor) {
  return [=](const Facts&) {
    leave_mounts_behind();
    const std::string directory = new_directory("node");
    mount("tmpfs", directory.c_str(), "tmpfs", 0, nullptr);  // where nodes count, should the root not be such a place
    const std::string path = directory + "/node";
    if (mknod(path.c_str(), type | 0600, makedev(major, minor)) != 0) return refused_errno();
    return open_node(path);
  };
}

/// "MAJOR:MINOR" of the host's root disk, that of the test's rootfs.
Outcome host_disk(const Facts& facts) {
  const std::string disk = facts["disk"];
  const auto colon = disk.find(':');
  if (disk.empty() || colon == std::string::npos) return not_there("no disk");
  const auto major = static_cast<unsigned>(std::stoul(disk.substr(0, colon)));
  const auto minor = static_cast<unsigned>(std::stoul(disk.substr(colon + 1)));
  return node(S_IFBLK, major, minor)(facts);
}

std::function<Outcome(const Facts&)> node_of_image(const char* path) {
  return [=](const Facts&) { return access(path, F_OK) == 0 ? open_node(path) : not_there("no node"); };
}

/// S5: the group's own list says yes to everything.
Outcome allow_all_devices(const Facts&) {
  Outcome outcome = not_there("no v1 device controller");
  for (const Mount& one : mounts()) {
    const std::string path = one.target + "/devices.allow";
    if (one.type != "cgroup" || access(path.c_str(), F_OK) != 0) continue;
    const std::string own = one.target + "/lxcell-attack";
    mkdir(own.c_str(), 0755);
    for (const std::string& list : {path, own + "/devices.allow"}) {
      const File file(open(list.c_str(), O_WRONLY | O_CLOEXEC));
      outcome = judge(file ? write(file.get(), "a", 1) : -1, list);
      if (outcome.kind == Outcome::Kind::LetThrough) break;
    }
    rmdir(own.c_str());
    if (outcome.kind == Outcome::Kind::LetThrough) break;
  }
  return outcome;
}

}  // namespace

Attempts device_attempts() {
  return {
      {"mknod_mem", node(S_IFCHR, 1, 1)},
      {"mknod_port", node(S_IFCHR, 1, 4)},
      {"mknod_kmsg", node(S_IFCHR, 1, 11)},
      {"mknod_host_disk", host_disk},
      {"mknod_loop_control", node(S_IFCHR, 10, 237)},
      {"mknod_loop0", node(S_IFBLK, 7, 0)},
      {"mknod_kvm", node(S_IFCHR, 10, 232)},
      {"mknod_host_console", node(S_IFCHR, 5, 1)},
      {"mknod_tty1", node(S_IFCHR, 4, 1)},
      {"mknod_cpu_msr", node(S_IFCHR, 202, 0)},
      {"mknod_vfio", node(S_IFCHR, 10, 196)},
      {"mknod_mapper_control", node(S_IFCHR, 10, 236)},
      {"node_of_image_disk", node_of_image("/nodes/disk")},
      {"node_of_image_kmsg", node_of_image("/nodes/kmsg")},
      {"S5_devices_allow", allow_all_devices},
  };
}

}  // namespace attack
