#include "driver/host_check.hpp"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "driver/id_maps.hpp"
#include "driver/siblings.hpp"

namespace driver {
namespace {

using Verdict = HostFinding::Verdict;
using container::HostOffers;

// A systemd container takes some ten, its services one more each.
constexpr unsigned long kEnoughInotifyInstances = 1024;
constexpr unsigned long kEnoughPtys = 4096;

class Findings {
 public:
  /// `otherwise` and `remedy` are for when it does not hold.
  void add(std::string what, bool holds, Verdict otherwise, std::string remedy) {
    if (holds)
      list_.push_back({Verdict::Pass, std::move(what), {}});
    else
      list_.push_back({otherwise, std::move(what), std::move(remedy)});
  }
  void add_trials(const char* kind, const HostOffers::Trials& trials,
                  const std::map<std::string, std::string>& needless) {
    for (const auto& [name, why] : trials) {
      const auto found = needless.find(name);
      const bool needed = found == needless.end();
      add(fmt::format("{} '{}'", kind, name), why.empty(), needed ? Verdict::Fail : Verdict::Warn,
          fmt::format("{}: {}", why, needed ? "use a kernel that has it" : found->second));
    }
  }
  std::vector<HostFinding> take() { return std::move(list_); }

 private:
  std::vector<HostFinding> list_;
};

void judge_kernel(const HostOffers& offers, Findings& findings) {
  findings.add(
      "Linux 5.12 or later", std::pair(offers.kernel_major, offers.kernel_minor) >= std::pair(5U, 12U), Verdict::Fail,
      fmt::format("this is {}.{}, without mount_setattr(2): upgrade", offers.kernel_major, offers.kernel_minor));
  for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "uts"})
    findings.add(fmt::format("namespace '{}'", name), offers.namespaces.contains(name), Verdict::Fail,
                 "use a kernel that has it");
  findings.add("namespace 'user'", offers.namespaces.contains("user") && offers.user_namespaces > 0, Verdict::Warn,
               "<idmap> is refused: sysctl user.max_user_namespaces=15000");
  findings.add("namespace 'time'", offers.namespaces.contains("time"), Verdict::Warn,
               "uptime and sysinfo(2) inside count from the host's start: sysctl user.max_time_namespaces=15000");
  findings.add("system call filters", offers.seccomp, Verdict::Fail, "use a kernel with CONFIG_SECCOMP_FILTER");
}

void judge_cgroups(const HostOffers& offers, Findings& findings) {
  using List = std::vector<std::pair<const char*, const char*>>;
  static const List kV1 = {{"devices", "containers could open every device: boot without cgroup_disable="},
                           {"freezer", "suspend is refused: mount it below /sys/fs/cgroup"},
                           {"cpu", "shares and quota are refused: mount it below /sys/fs/cgroup"},
                           {"cpuacct", "there are no CPU figures: mount it below /sys/fs/cgroup"},
                           {"cpuset", "pinning is refused: mount it below /sys/fs/cgroup"},
                           {"memory", "memory limits are refused: boot with cgroup_enable=memory"},
                           {"pids", "limits on processes are refused: mount it below /sys/fs/cgroup"},
                           {"blkio", "blkiotune is refused: mount it below /sys/fs/cgroup"}};
  static const List kV2 = {{"cpu", "shares and quota are refused: enable it in cgroup.subtree_control"},
                           {"cpuset", "pinning is refused: enable it in cgroup.subtree_control"},
                           {"memory", "memory limits are refused: boot with cgroup_enable=memory"},
                           {"pids", "limits on processes are refused: enable it in cgroup.subtree_control"},
                           {"io", "blkiotune is refused: enable it in cgroup.subtree_control"}};
  for (const auto& [name, remedy] : offers.unified ? kV2 : kV1)
    findings.add(fmt::format("cgroup {} controller '{}'", offers.unified ? "v2" : "v1", name),
                 offers.cgroup_controllers.contains(name), Verdict::Warn, remedy);
}

void judge_extras(const HostOffers& offers, const HostServices& services, Findings& findings) {
  findings.add("id-mapped mounts of /var/lib", offers.id_mapped_mounts.empty(), Verdict::Warn,
               offers.id_mapped_mounts + ": keep root file systems of containers with <idmap> on ext4, XFS or btrfs");
  findings.add(fmt::format("subordinate ids of '{}'", services.idmap_user), services.subordinate_ids, Verdict::Warn,
               fmt::format("automatic id maps are refused: usermod --add-subuids 1000000-1999999 "
                           "--add-subgids 1000000-1999999 {}",
                           services.idmap_user));
  findings.add("/dev/fuse", offers.fuse || offers.lxcfs, Verdict::Warn,
               "containers see the host's memory, CPUs, load and disks: modprobe fuse");
  findings.add("AppArmor or SELinux", offers.apparmor || offers.selinux, Verdict::Warn,
               "one line of defence less: boot with apparmor=1 security=apparmor");
  if (offers.apparmor)
    findings.add("apparmor_parser", services.apparmor_parser, Verdict::Warn,
                 "containers run unconfined by AppArmor: apt-get install apparmor");
  findings.add("Open vSwitch", offers.ovs, Verdict::Warn,
               "<virtualport type='openvswitch'> is refused: apt-get install openvswitch-switch");
  for (const auto& [daemon, listens] : services.siblings)
    findings.add(fmt::format("libvirt's {}", daemon), listens, Verdict::Warn,
                 fmt::format("its objects are missing: systemctl start {}.socket (or libvirtd.socket)", daemon));
}

void judge_room(const HostOffers& offers, Findings& findings) {
  findings.add("room for terminals", offers.ptys >= kEnoughPtys, Verdict::Warn,
               fmt::format("{} for all containers: sysctl kernel.pty.max={}", offers.ptys, kEnoughPtys));
  findings.add("room for inotify", offers.inotify_instances >= kEnoughInotifyInstances, Verdict::Warn,
               fmt::format("{} for all containers of one id map, and each systemd takes ten: "
                           "sysctl fs.inotify.max_user_instances={}",
                           offers.inotify_instances, kEnoughInotifyInstances));
}

const char* word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Pass:
      return "PASS";
    case Verdict::Warn:
      return "WARN";
    case Verdict::Fail:
      break;
  }
  return "FAIL";
}

}  // namespace

HostServices find_host_services(const Paths& paths, const Config& config) {
  HostServices services;
  services.siblings = Siblings(sibling_sockets(paths, config), config.sibling_timeout).listening();
  services.idmap_user = config.idmap_user;
  const auto ids = id_sources(read_subids(paths.root, "subuid", config.idmap_user),
                              read_subids(paths.root, "subgid", config.idmap_user));
  services.subordinate_ids = choose_ids(ids, domain_xml::AutomaticIdMap{}.count).has_value();
  for (const char* place : {"/sbin/apparmor_parser", "/usr/sbin/apparmor_parser"})
    services.apparmor_parser = services.apparmor_parser || ::access(place, X_OK) == 0;
  return services;
}

std::vector<HostFinding> judge_host(const HostOffers& offers, const HostServices& services) {
  Findings findings;
  judge_kernel(offers, findings);
  judge_cgroups(offers, findings);
  findings.add_trials("file system", offers.file_systems, {{"overlay", "overlays are refused: modprobe overlay"}});
  findings.add_trials("link", offers.links,
                      {{"bridge", "<interface type='bridge'> is refused: modprobe bridge"},
                       {"veth", "<interface type='bridge'> and 'network' are refused: modprobe veth"},
                       {"macvlan", "<interface type='direct'> is refused: modprobe macvlan"},
                       {"bandwidth", "<bandwidth> is refused: modprobe -a sch_htb sch_ingress cls_bpf"}});
  judge_extras(offers, services, findings);
  judge_room(offers, findings);
  return findings.take();
}

std::string format_findings(const std::vector<HostFinding>& findings) {
  std::string text;
  for (const auto& finding : findings) {
    const std::string remedy = finding.remedy.empty() ? "" : fmt::format(" ({})", finding.remedy);
    text += fmt::format("lxcell: checking for {:<40} : {}{}\n", finding.what, word_of(finding.verdict), remedy);
  }
  return text;
}

}  // namespace driver
