#include "domain-xml/native_oci.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/native_mount.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

using base::Code;
using base::fail;

namespace {

constexpr const char* kMadeDevices[] = {"/dev/null",    "/dev/zero", "/dev/full",    "/dev/random",
                                        "/dev/urandom", "/dev/tty",  "/dev/console", "/dev/ptmx"};

void read_version(JsonObject& config) {
  const std::string origin = config.origin("ociVersion");
  const auto version = config.take_string("ociVersion");
  if (!version) fail(Code::ConfigUnsupported, "no 'ociVersion' is given: this is no OCI runtime configuration");
  if (!version->starts_with("1.")) fail(Code::ConfigUnsupported, origin, ": only version 1 is known");
}

void read_root(Conversion& conversion, const JsonObject& config) {
  auto root = config.object("root");
  if (!root) fail(Code::ConfigUnsupported, "no root filesystem is given: root.path");
  const std::string origin = root->origin("path");
  const auto path = root->take_string("path");
  if (!path || !path->starts_with('/'))
    fail(Code::ConfigUnsupported, origin, ": an absolute path is needed: put the bundle's directory before it");
  Filesystem filesystem = root_filesystem(FilesystemType::Mount, *path);
  filesystem.readonly = root->take_bool("readonly").value_or(false);
  conversion.definition.filesystems.push_back(std::move(filesystem));
}

void read_mounts(Conversion& conversion, const JsonObject& config) {
  for (JsonObject object : config.objects("mounts")) {
    const std::string origin = object.origin();
    ForeignMount mount;
    mount.target = object.take_string("destination").value_or("");
    mount.type = object.take_string("type").value_or("none");
    mount.source = object.take_string("source").value_or("");
    mount.options = object.take_strings("options");
    if (!mount.target.starts_with('/')) fail(Code::InvalidArg, origin, ": an absolute destination is needed");
    add_mount(conversion, origin, mount);
  }
}

void read_id_maps(const JsonObject& linux, const char* name, std::vector<IdMapEntry>& entries) {
  for (JsonObject object : linux.objects(name)) {
    const auto id = [&](const char* member) {
      const std::string origin = object.origin(member);
      const auto number = object.take_integer(member);
      if (!number || *number < 0 || *number > UINT32_MAX) fail(Code::InvalidArg, origin, ": an id is needed");
      return static_cast<std::uint32_t>(*number);
    };
    const std::uint32_t start = id("containerID"), target = id("hostID");
    entries.push_back({.start = start, .target = target, .count = id("size")});
  }
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
}

void read_path_list(Conversion& conversion, JsonObject& linux, const char* name, Words known) {
  for (const std::string& path : linux.take_strings(name))
    if (!contains(known, path)) conversion.skip(origin_of(std::string("linux.") + name, path));
}

void read_devices(Conversion& conversion, const JsonObject& linux) {
  for (JsonObject device : linux.objects("devices")) {
    const std::string origin = device.origin();
    const std::string path = device.take_string("path").value_or("");
    device.drop_all();
    if (!contains(kMadeDevices, path)) conversion.skip(origin, "host devices are given by their own path");
  }
}

/// "/PARTITION/NAME", or systemd's "SLICE:PREFIX:NAME" where "machine-a.slice" is the partition "/machine/a".
void read_cgroups_path(Conversion& conversion, JsonObject& linux) {
  const std::string origin = linux.origin("cgroupsPath");
  const std::string path = linux.take_string("cgroupsPath").value_or("");
  if (path.empty()) return;
  const auto colon = path.find(':');
  std::vector<std::string> parts;
  if (colon != std::string::npos) {
    std::string slice = path.substr(0, colon);
    if (slice.ends_with(".slice")) slice.erase(slice.size() - std::string_view(".slice").size());
    parts = split(slice, '-');
  } else if (parts = split(path, '/'); path.starts_with('/') && !parts.empty()) {
    parts.pop_back();
  } else {
    parts.clear();
  }
  std::string partition;
  for (const std::string& part : parts) partition += "/" + part;
  if (partition.empty() || partition.find("..") != std::string::npos) return conversion.skip(origin);
  conversion.definition.partition = partition;
}

void read_propagation(JsonObject& linux) {
  const std::string origin = linux.origin("rootfsPropagation");
  // What cannot be had stays in place, to be listed with the rest.
  if (origin.ends_with("\"private\"") || origin.ends_with("\"rprivate\"")) linux.drop("rootfsPropagation");
}

NetworkNamespace read_linux(Conversion& conversion, JsonObject linux) {
  CgroupReader cgroup(conversion);
  IdMap& map = conversion.definition.idmap;
  read_id_maps(linux, "uidMappings", map.uids);
  read_id_maps(linux, "gidMappings", map.gids);
  const NetworkNamespace network = read_oci_namespaces(conversion, linux);
  if (auto resources = linux.object("resources")) read_oci_resources(conversion, cgroup, *resources);
  cgroup.finish();
  read_devices(conversion, linux);
  read_path_list(conversion, linux, "maskedPaths", kOciHidden);
  read_path_list(conversion, linux, "readonlyPaths", kOciReadOnly);
  read_cgroups_path(conversion, linux);
  read_propagation(linux);
  if (linux.has("seccomp")) {
    set_seccomp_profile(conversion, linux.origin("seccomp"));
    linux.drop("seccomp");
  }
  return network;
}

}  // namespace

FromNative from_oci_runtime(std::string_view text) {
  const JsonOwner root = parse_json(text);
  JsonObject config(root.get(), "");
  Conversion conversion;
  begin_conversion(conversion);
  read_version(config);
  const std::string name_origin = config.origin("hostname");
  if (const auto name = config.take_string("hostname"); name && !name->empty())
    set_native_name(conversion, name_origin, *name);
  read_root(conversion, config);
  // Capabilities that are not named are not had, as the runtimes have it.
  set_native_capabilities(conversion, {}, CapabilityPolicy::Deny, {});
  if (auto process = config.object("process")) read_oci_process(conversion, *process);
  read_mounts(conversion, config);
  NetworkNamespace network = NetworkNamespace::Host;
  if (const auto linux = config.object("linux")) network = read_linux(conversion, *linux);
  if (auto annotations = config.object("annotations")) annotations->drop(kOciNotConverted);
  config.for_rest([&](const std::string& origin) { conversion.skip(origin); });
  finish_conversion(conversion, network);
  return conversion.take();
}

}  // namespace domain_xml
