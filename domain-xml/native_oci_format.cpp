// A definition as the `config.json` of an OCI bundle.
#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/native_mount.hpp"
#include "domain-xml/native_oci.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

namespace {

JsonOwner make_text(const std::string& text) {
  return JsonOwner(json_string(text.c_str()));
}

JsonOwner make_number(std::uint64_t number) {
  return JsonOwner(json_integer(static_cast<json_int_t>(std::min<std::uint64_t>(number, INT64_MAX))));
}

JsonOwner make_object() {
  return JsonOwner(json_object());
}

/// Nothing when there is nothing in it.
void set(const JsonOwner& object, const char* name, JsonOwner value) {
  if (!value || (json_is_object(value.get()) && json_object_size(value.get()) == 0)) return;
  json_object_set_new(object.get(), name, value.release());
}

void set(const JsonOwner& object, const char* name, const std::string& text) {
  if (!text.empty()) set(object, name, make_text(text));
}

JsonOwner make_list(const std::vector<std::string>& words) {
  JsonOwner list(json_array());
  for (const std::string& word : words) json_array_append_new(list.get(), make_text(word).release());
  return list;
}

JsonOwner make_root(const Filesystem& root) {
  if (root.type != FilesystemType::Mount)
    base::fail(base::Code::ConfigUnsupported, "the root filesystem must be a directory here: '", root.source, "'");
  JsonOwner object = make_object();
  set(object, "path", root.source);
  if (root.readonly) set(object, "readonly", JsonOwner(json_true()));
  return object;
}

JsonOwner make_mount(ForeignMount mount) {
  if (mount.type == "none") mount.type = "bind";
  std::erase_if(mount.options, [](const std::string& option) { return option.starts_with("create="); });
  JsonOwner object = make_object();
  set(object, "destination", mount.target);
  set(object, "type", mount.type);
  set(object, "source", mount.source);
  set(object, "options", make_list(mount.options));
  return object;
}

/// The kernel's filesystems, which a runtime mounts only when told, and those of the definition.
JsonOwner make_mounts(const DomainDefinition& definition) {
  static const ForeignMount kKernelMounts[] = {
      {"proc", "/proc", "proc", {"nosuid", "noexec", "nodev"}},
      {"sysfs", "/sys", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
      {"cgroup", "/sys/fs/cgroup", "cgroup", {"nosuid", "noexec", "nodev"}},
      {"tmpfs", "/dev", "tmpfs", {"nosuid", "mode=755", "size=64k"}},
      {"devpts", "/dev/pts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}}};
  JsonOwner list(json_array());
  for (const ForeignMount& mount : kKernelMounts) json_array_append_new(list.get(), make_mount(mount).release());
  for (const Filesystem& filesystem : definition.filesystems) {
    if (filesystem.target == "/" || filesystem.type == FilesystemType::Bind ||
        filesystem.type == FilesystemType::File)  // no runtime finds sources inside, or attaches images
      continue;
    if (const auto mount = mount_of(filesystem)) json_array_append_new(list.get(), make_mount(*mount).release());
  }
  return list;
}

JsonOwner make_id_map(const std::vector<IdMapEntry>& entries) {
  if (entries.empty()) return nullptr;
  JsonOwner list(json_array());
  for (const IdMapEntry& entry : entries) {
    JsonOwner object = make_object();
    set(object, "containerID", make_number(entry.start));
    set(object, "hostID", make_number(entry.target));
    set(object, "size", make_number(entry.count));
    json_array_append_new(list.get(), object.release());
  }
  return list;
}

JsonOwner make_linux(const DomainDefinition& definition) {
  JsonOwner object = make_object();
  set(object, "uidMappings", make_id_map(definition.idmap.uids));
  set(object, "gidMappings", make_id_map(definition.idmap.gids));
  set(object, "namespaces", oci_namespaces(definition));
  set(object, "resources", oci_resources(definition));
  set(object, "maskedPaths", make_list({std::begin(kOciHidden), std::end(kOciHidden)}));
  set(object, "readonlyPaths", make_list({std::begin(kOciReadOnly), std::end(kOciReadOnly)}));
  if (definition.partition.starts_with('/') && !definition.name.empty())
    set(object, "cgroupsPath", definition.partition + "/" + definition.name);
  return object;
}

std::string make_config(const DomainDefinition& definition, const std::string& not_converted) {
  JsonOwner config = make_object();
  set(config, "ociVersion", std::string("1.0.2"));
  set(config, "hostname", definition.name);
  Filesystem root = native_root(definition);
  if (definition.extension.overlay) root.readonly = true;  // or writing would reach what the overlay protects
  set(config, "root", make_root(root));
  set(config, "process", oci_process(definition));
  set(config, "mounts", make_mounts(definition));
  set(config, "linux", make_linux(definition));
  JsonOwner annotations = make_object();
  set(annotations, kOciNotConverted, not_converted);
  set(config, "annotations", std::move(annotations));
  return format_json(config.get(), JsonLayout::Indented) + "\n";
}

}  // namespace

std::string to_oci_runtime(const DomainDefinition& definition) {
  std::string lost;
  for (const std::string& line : lost_lines(definition, from_oci_runtime(make_config(definition, "")).definition))
    lost += (lost.empty() ? "" : "\n") + line;
  return make_config(definition, lost);
}

}  // namespace domain_xml
