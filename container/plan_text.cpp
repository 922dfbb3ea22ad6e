// print_plan(): one step per line, words instead of bits, nothing left out but the bytes of the filter.
#include <fmt/format.h>
#include <linux/mount.h>
#include <sched.h>

#include <sstream>

#include "container/plan.hpp"

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

namespace container {
namespace {

struct BitName {
  std::uint64_t bit;
  const char* word;
};

constexpr BitName kNamespaces[] = {{CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWIPC, "ipc"},  {CLONE_NEWNS, "mnt"},
                                   {CLONE_NEWNET, "net"},       {CLONE_NEWPID, "pid"},  {CLONE_NEWUSER, "user"},
                                   {CLONE_NEWUTS, "uts"},       {CLONE_NEWTIME, "time"}};
constexpr BitName kAttributes[] = {{MOUNT_ATTR_RDONLY, "ro"},
                                   {MOUNT_ATTR_NOSUID, "nosuid"},
                                   {MOUNT_ATTR_NODEV, "nodev"},
                                   {MOUNT_ATTR_NOEXEC, "noexec"}};

template <std::size_t N>
std::string words(const BitName (&table)[N], std::uint64_t bits, const char* between) {
  std::string text;
  for (const auto& [bit, word] : table) {
    if (!(bits & bit)) continue;
    if (!text.empty()) text += between;
    text += word;
    bits &= ~bit;
  }
  if (bits) text += fmt::format("{}{:#x}", text.empty() ? "" : between, bits);
  return text;
}

/// Control bytes would break the one-line-per-step form (and a log reader's terminal).
std::string printable(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '\\')
      safe += c;
    else
      safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return safe;
}

void print_flags(std::ostringstream& out, const MountStep& step) {
  if (step.attributes) out << " " << words(kAttributes, step.attributes, ",");
  if (!step.options.empty()) out << " " << printable(step.options);
  if (step.recursive) out << " recursive";
  if (step.idmapped) out << " idmapped";
  if (step.detachable) out << " detachable";
  if (step.optional && step.kind != MountKind::Mask) out << " optional";
  if (step.create == CreateTarget::Directory) out << " (make directory)";
  if (step.create == CreateTarget::File) out << " (make file)";
  out << "\n";
}

void print_mount(std::ostringstream& out, const MountStep& step) {
  switch (step.kind) {
    case MountKind::Filesystem:
      out << "mount " << printable(step.fstype) << " on " << printable(step.target);
      break;
    case MountKind::Bind:
      out << "bind host " << printable(step.source) << " on " << printable(step.target);
      break;
    case MountKind::Cgroup:
      out << "cgroup " << printable(step.source) << " on " << printable(step.target);
      break;
    case MountKind::BindInside:
      out << "bind " << printable(step.source) << " on " << printable(step.target);
      break;
    case MountKind::Attributes:
      out << "remount " << printable(step.target);
      break;
    case MountKind::Mask:
      out << "mask " << printable(step.target);
      break;
    case MountKind::Image:
      out << "image (" << printable(step.fstype) << ") " << printable(step.source) << " on " << printable(step.target);
      break;
    case MountKind::OwnFile:
      out << "own " << printable(step.source) << " on " << printable(step.target);
      break;
  }
  print_flags(out, step);
}

void print_map(std::ostringstream& out, const char* what, const std::string& map) {
  std::istringstream lines(map);
  for (std::string line; std::getline(lines, line);) out << what << " map " << line << "\n";
}

void print_list(std::ostringstream& out, const char* what, const std::vector<std::string>& list) {
  for (const auto& item : list) out << what << " " << printable(item) << "\n";
}

void print_identity(std::ostringstream& out, const ContainerPlan& plan) {
  const auto& sets = plan.capabilities;
  out << "capabilities 0x" << std::hex << sets.bounding << std::dec;
  if (sets.inheritable) out << " inheritable 0x" << std::hex << sets.inheritable << std::dec;
  if (sets.ambient) out << " ambient 0x" << std::hex << sets.ambient << std::dec;
  out << "\n";
  if (plan.no_new_privs) out << "no new privileges\n";
  if (!plan.seccomp.empty()) out << "system call filter\n";
  if (!plan.security_label.empty()) out << "security label " << printable(plan.security_label) << "\n";
  if (plan.personality_32bit) out << "personality 32-bit\n";
  for (const auto& limit : plan.resource_limits)
    out << "rlimit " << limit.resource << " " << limit.soft << " " << limit.hard << "\n";
}

}  // namespace

std::string print_plan(const ContainerPlan& plan) {
  std::ostringstream out;
  out << "container " << printable(plan.name) << "\n";
  if (!plan.hostname.empty()) out << "hostname " << printable(plan.hostname) << "\n";
  out << "namespaces " << words(kNamespaces, plan.namespaces, " ") << "\n";
  print_map(out, "uid", plan.uid_map);
  print_map(out, "gid", plan.gid_map);
  out << "root " << (plan.root_image.empty() ? "" : "image (" + plan.root_image + ") ") << printable(plan.root_source)
      << (plan.root_readonly ? " ro" : "") << (plan.root_idmapped ? " idmapped" : "") << "\n";
  if (plan.root_overlay)
    out << "overlay " << (plan.overlay_directory.empty() ? "in memory" : printable(plan.overlay_directory))
        << (plan.overlay_options.empty() ? "" : " ") << plan.overlay_options << "\n";
  out << "dev " << plan.dev_options << "\n";
  for (const auto& node : plan.nodes)
    out << "node " << printable(node.path) << " " << node.type << " " << node.major << ":" << node.minor << " "
        << std::oct << node.mode << std::dec << "\n";
  for (const auto& link : plan.links)
    out << "link " << printable(link.path) << " -> " << printable(link.target) << "\n";
  out << "consoles " << plan.consoles << " " << plan.devpts_options << "\n";
  for (const auto& log : plan.console_logs)
    if (!log.file.empty()) out << "console log " << printable(log.file) << (log.append ? " append" : "") << "\n";
  for (const auto& step : plan.mounts) print_mount(out, step);
  if (plan.own_view.served)
    out << "own view of memory v" << plan.own_view.memory_version << " " << printable(plan.own_view.memory_directory)
        << " cpus " << printable(plan.own_view.cpuset_directory) << "\n"
        << "own view of time v" << plan.own_view.cpu_version << " " << printable(plan.own_view.cpu_directory)
        << " disks v" << plan.own_view.io_version << " " << printable(plan.own_view.io_directory) << " tasks "
        << printable(plan.own_view.tasks_directory) << "\n";
  if (plan.loopback_up) out << "loopback up\n";
  if (plan.wait_for_network) out << "wait for network\n";
  print_identity(out, plan);
  if (plan.memory_policy.mode) {
    out << "memory policy " << plan.memory_policy.mode << std::hex;
    for (const unsigned char byte : plan.memory_policy.nodes) out << " " << unsigned{byte};
    out << std::dec << "\n";
  }
  out << "directory " << printable(plan.init.directory) << "\n";
  if (!plan.init.user.empty()) out << "user " << printable(plan.init.user) << "\n";
  if (!plan.init.group.empty()) out << "group " << printable(plan.init.group) << "\n";
  out << "init " << printable(plan.init.path) << "\n";
  print_list(out, "argument", plan.init.arguments);
  print_list(out, "environment", plan.init.environment);
  return out.str();
}

}  // namespace container
