// A definition as an lxc.container.conf(5) of LXC 3 and later.
#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/native_cgroup.hpp"
#include "domain-xml/native_lxc.hpp"
#include "domain-xml/native_mount.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

namespace {

void write_root(LxcWriter& writer, const Filesystem& root, const std::optional<RootOverlay>& overlay) {
  const bool said =
      overlay && !overlay->directory.empty() && (root.source + overlay->directory).find(':') == std::string::npos;
  if (said)
    writer.line("lxc.rootfs.path", "overlay:" + root.source + ":" + overlay->directory + "/upper");
  else
    writer.line("lxc.rootfs.path", (root.type == FilesystemType::File ? "loop:" : "") + root.source);
  // Without its overlay, writing would reach the directory that the overlay protects.
  if (root.readonly || (overlay && !said)) writer.line("lxc.rootfs.options", "ro");
}

void write_mounts(LxcWriter& writer, const DomainDefinition& definition) {
  for (const Filesystem& filesystem : definition.filesystems) {
    if (filesystem.target == "/") continue;
    const auto mount = mount_of(filesystem);
    if (!mount) continue;
    std::string options;
    for (const std::string& option : mount->options) options += (options.empty() ? "" : ",") + option;
    writer.line("lxc.mount.entry", encode_fstab(mount->source) + " " + encode_fstab(mount->target.substr(1)) + " " +
                                       mount->type + " " + options + " 0 0");
  }
}

/// What every container of ours has and LXC only makes when told.
void write_kernel_parts(LxcWriter& writer) {
  writer.line("lxc.mount.auto", "proc:mixed sys:ro cgroup:mixed");
  writer.line("lxc.pty.max", 1024);
  for (const char* version : {"lxc.cgroup2.", "lxc.cgroup."}) {
    writer.line(std::string(version) + "devices.deny", "a");
    for (const char* device : kAlwaysAllowedDevices)
      writer.line(std::string(version) + "devices.allow", std::string(device) + " rwm");
  }
}

void write_init(LxcWriter& writer, const Os& os) {
  std::vector<std::string> command = {os.init};
  command.insert(command.end(), os.init_args.begin(), os.init_args.end());
  if (command != std::vector<std::string>{"/sbin/init"}) writer.line("lxc.init.cmd", join_command(command));
  writer.line("lxc.init.cwd", os.init_dir);
  // LXC knows no names here.
  if (parse_number<std::uint32_t>(os.init_user)) writer.line("lxc.init.uid", os.init_user);
  if (parse_number<std::uint32_t>(os.init_group)) writer.line("lxc.init.gid", os.init_group);
  for (const InitVariable& variable : os.init_env) writer.line("lxc.environment", variable.name + "=" + variable.value);
}

void write_capabilities(LxcWriter& writer, const CapabilityFeature& feature) {
  std::map<std::string, bool> states = feature.states;
  if (feature.policy == CapabilityPolicy::Default)
    for (const char* name : kDroppedByDefault) states.emplace(name, false);
  const bool deny = feature.policy == CapabilityPolicy::Deny;
  std::string names;
  for (const auto& [name, on] : states)
    if (on == deny) names += (names.empty() ? "" : " ") + name;
  if (deny && names.empty()) names = "none";
  writer.line(deny ? "lxc.cap.keep" : "lxc.cap.drop", names);
}

void write_id_maps(LxcWriter& writer, const IdMap& map) {
  const auto write = [&](char kind, const std::vector<IdMapEntry>& entries) {
    for (const IdMapEntry& entry : entries)
      writer.line("lxc.idmap", base::join(kind, ' ', entry.start, ' ', entry.target, ' ', entry.count));
  };
  write('u', map.uids);
  write('g', map.gids);
}

void write_shared_namespaces(LxcWriter& writer, const DomainDefinition& definition) {
  const auto write = [&](const char* name, const std::optional<SharedNamespace>& shared) {
    if (!shared || shared->from == SharedNamespace::From::Netns) return;
    writer.line(std::string("lxc.namespace.share.") + name, shared->value);
  };
  write("net", definition.shared_net);
  write("ipc", definition.shared_ipc);
  write("uts", definition.shared_uts);
}

}  // namespace

std::string to_lxc_tools(const DomainDefinition& definition) {
  LxcWriter writer;
  writer.line("lxc.uts.name", definition.name);
  writer.line("lxc.arch", definition.os.arch);
  write_root(writer, native_root(definition), definition.extension.overlay);
  write_kernel_parts(writer);
  write_mounts(writer, definition);
  write_init(writer, definition.os);
  if (definition.consoles.size() > 1) writer.line("lxc.tty.max", definition.consoles.size());
  write_id_maps(writer, definition.idmap);
  write_capabilities(writer, definition.features.capabilities.value_or(CapabilityFeature{}));
  write_shared_namespaces(writer, definition);
  write_lxc_networks(writer, definition);
  write_lxc_limits(writer, definition);
  std::string text = writer.text();
  for (const std::string& line : lost_lines(definition, from_lxc_tools(text).definition))
    text += "# not converted: " + line + "\n";
  return text;
}

}  // namespace domain_xml
