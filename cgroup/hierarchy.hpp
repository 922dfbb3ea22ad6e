// Which cgroup controllers this host has and where: pure v2, v1, or the hybrid of both.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cgroup {

/// One mounted cgroup file system.
struct Mount {
  int version = 1;                       // 1 or 2
  std::string path;                      // mount point
  std::vector<std::string> controllers;  // v1: co-mounted ones, or "name=systemd"; v2: cgroup.controllers
  std::string own_path;                  // the daemon's own cgroup there ("/" or "/a/b"), from /proc/self/cgroup
  bool has(std::string_view controller) const;
  bool operator==(const Mount&) const = default;
};

/// True for v2 and for those v1 hierarchies that have something to limit, count or freeze for a container. The others
/// (perf_event, net_cls, hugetlb ...) would cost every start a directory without any use.
bool used_by_containers(const Mount& mount);

class Hierarchy {
 public:
  /// Pure: from the text of /proc/self/mountinfo, /proc/self/cgroup and, for v2, its controllers file.
  static Hierarchy parse(const std::string& mountinfo, const std::string& self_cgroup,
                         const std::string& v2_controllers);
  /// Reads this host.
  static Hierarchy detect();

  const std::vector<Mount>& mounts() const { return *mounts_; }
  /// The mount that has the controller ("memory", "cpu", ...); nullptr if none. On v2, "devices" and "freezer" are
  /// always there.
  const Mount* find(const std::string& controller) const;
  /// True when resource controllers live on v2 (pure v2 host).
  bool unified() const;

 private:
  // Shared by all copies: every group has one, and with it each of a thousand containers would take 2 KiB more.
  std::shared_ptr<const std::vector<Mount>> mounts_ = std::make_shared<const std::vector<Mount>>();
};

}  // namespace cgroup
