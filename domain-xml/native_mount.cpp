#include "domain-xml/native_mount.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

namespace {

/// Said by the kind of mount alone, or what a container does anyway: binds take along what is mounted below, a missing
/// target is made, nothing propagates out, tmpfs is nosuid and nodev.
constexpr const char* kImpliedOptions[] = {"bind",    "rbind",    "rw",       "defaults", "create=dir", "create=file",
                                           "private", "rprivate", "relative", "loop",     "relatime",   "async"};

constexpr const char* kImpliedForRam[] = {"nosuid", "nodev"};

bool has(const ForeignMount& mount, std::string_view option) {
  return std::find(mount.options.begin(), mount.options.end(), option) != mount.options.end();
}

std::string option_value(const ForeignMount& mount, std::string_view name) {
  std::string value;
  for (const std::string& option : mount.options)
    if (option.starts_with(name)) value = option.substr(name.size());
  return value;
}

/// What the driver mounts in every container.
bool is_made_by_driver(const ForeignMount& mount) {
  struct Known {
    const char *type, *target;
  };
  static constexpr Known kKnown[] = {{"proc", "/proc"},
                                     {"sysfs", "/sys"},
                                     {"devpts", "/dev/pts"},
                                     {"tmpfs", "/dev"},
                                     {"devtmpfs", "/dev"},
                                     {"cgroup", "/sys/fs/cgroup"},
                                     {"cgroup2", "/sys/fs/cgroup"}};
  return std::any_of(std::begin(kKnown), std::end(kKnown),
                     [&](const Known& known) { return mount.type == known.type && mount.target == known.target; });
}

bool is_plain_path(const std::string& path) {
  if (!path.starts_with('/')) return false;
  const auto parts = split(path, '/');
  return !parts.empty() && std::find(parts.begin(), parts.end(), "..") == parts.end();
}

/// Why `mount` is no filesystem of a definition, empty when `filesystem` is it.
std::string convert(const std::string& origin, const ForeignMount& mount, Filesystem& filesystem) {
  const bool bind = has(mount, "bind") || has(mount, "rbind") || mount.type == "bind";
  if (mount.type == "tmpfs" && !bind) {
    const std::string size = option_value(mount, "size=");
    if (size.empty()) return "it needs the option size=";
    if (size.ends_with('%')) return "its size must be in bytes";
    const std::uint64_t bytes = native_bytes(origin, size);
    if (bytes == 0 || kib_of(bytes) > kUnlimitedKib) return "its size must be above 0 and below 2^63";
    filesystem.type = FilesystemType::Ram;
    filesystem.ram_usage_bytes = kib_of(bytes) * 1024;  // whole KiB, as they are printed
    return {};
  }
  if (bind && has(mount, "relative")) {
    filesystem.type = FilesystemType::Bind;
    filesystem.source = mount.source.starts_with('/') ? mount.source : "/" + mount.source;
    return {};
  }
  if (!mount.source.starts_with('/')) return "its source must be an absolute path";
  filesystem.source = mount.source;
  if (bind) return {};
  if (mount.type == "none" || mount.type == "overlay") return "no such mount can be made";
  if (mount.source.starts_with("/dev/")) {
    filesystem.type = FilesystemType::Block;  // whose own type is found out at start
    return {};
  }
  if (!has(mount, "loop")) return "no such mount can be made";
  filesystem.type = FilesystemType::File;
  filesystem.driver_type = "loop";
  filesystem.driver_format = "raw";
  return {};
}

std::string lost_options(const ForeignMount& mount, bool ram) {
  std::string lost;
  for (const std::string& option : mount.options) {
    if (option == "ro" || contains(kImpliedOptions, option)) continue;
    if (ram && (contains(kImpliedForRam, option) || option.starts_with("size="))) continue;
    lost += (lost.empty() ? "" : ",") + option;
  }
  return lost;
}

}  // namespace

void add_mount(Conversion& conversion, const std::string& origin, const ForeignMount& mount) {
  if (is_made_by_driver(mount)) return;
  if (!is_plain_path(mount.target)) return conversion.skip(origin, "its target must be a path below the root");
  Filesystem filesystem{.access_mode = "passthrough", .target = mount.target, .readonly = has(mount, "ro")};
  if (const std::string reason = convert(origin, mount, filesystem); !reason.empty())
    return conversion.skip(origin, reason);
  if (const std::string lost = lost_options(mount, filesystem.type == FilesystemType::Ram); !lost.empty())
    conversion.skip(origin + ": options " + lost);
  conversion.definition.filesystems.push_back(std::move(filesystem));
}

std::optional<ForeignMount> mount_of(const Filesystem& filesystem) {
  ForeignMount mount{.source = filesystem.source, .target = filesystem.target};
  if (!is_plain_path(mount.target)) return std::nullopt;
  switch (filesystem.type) {
    case FilesystemType::Mount:
      mount.type = "none";
      mount.options = {"rbind", "create=dir"};
      break;
    case FilesystemType::Bind:
      if (mount.source.starts_with('/')) mount.source.erase(0, 1);
      if (mount.source.empty() || mount.source.starts_with('/')) return std::nullopt;
      mount.type = "none";
      mount.options = {"rbind", "relative", "create=dir"};
      break;
    case FilesystemType::Ram:
      mount.source = mount.type = "tmpfs";
      mount.options = {"size=" + std::to_string(filesystem.ram_usage_bytes), "nosuid", "nodev", "create=dir"};
      break;
    case FilesystemType::Block:
    case FilesystemType::File:
      mount.type = "auto";
      mount.options = {"create=dir"};
      if (filesystem.type == FilesystemType::File) mount.options.insert(mount.options.begin(), "loop");
      break;
    case FilesystemType::Template:
    case FilesystemType::Volume:
      return std::nullopt;
  }
  mount.options.push_back(filesystem.readonly ? "ro" : "rw");
  return mount;
}

}  // namespace domain_xml
