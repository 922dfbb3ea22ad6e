#include "domain-xml/native_lxc.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/native_cgroup.hpp"
#include "domain-xml/native_mount.hpp"
#include "domain-xml/values.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail;

namespace {

constexpr unsigned kMaxTtys = 64;

struct Arch {
  const char *lxc, *ours;
};
/// Where LXC's word is not libvirt's.
constexpr Arch kArchs[] = {{"x86", "i686"},     {"i386", "i686"},    {"i486", "i686"},      {"i586", "i686"},
                           {"linux32", "i686"}, {"amd64", "x86_64"}, {"linux64", "x86_64"}, {"arm64", "aarch64"},
                           {"arm", "armv7l"},   {"armhf", "armv7l"}, {"armel", "armv7l"}};

class LxcReader {
 public:
  FromNative read(std::string_view text);

 private:
  void read_root(const std::vector<LxcLine>& lines);
  void read_line(const LxcLine& line);
  bool read_family(const LxcLine& line);
  void read_capabilities();

  // One key each.
  void name(const LxcLine& line) { set_native_name(conversion_, line.origin, line.value); }
  void arch(const LxcLine& line);
  void root_option(const LxcLine& line);
  void mount_entry(const LxcLine& line);
  void mount_auto(const LxcLine& line);
  void init_command(const LxcLine& line);
  void environment(const LxcLine& line);
  void ttys(const LxcLine& line);
  void id_map(const LxcLine& line);
  void keep_namespaces(const LxcLine& line);
  void shared_namespace(const LxcLine& line, std::string_view name);
  void resource_limit(const LxcLine& line, const std::string& name);
  void init_directory(const LxcLine& line) { os().init_dir = line.value == "/" ? "" : line.value; }
  void init_user(const LxcLine& line) { os().init_user = id_text(line); }
  void init_group(const LxcLine& line) { os().init_group = id_text(line); }
  void drop(const LxcLine& line) { dropped_.push_back(line); }
  void keep(const LxcLine& line) { kept_.push_back(line); }
  void seccomp(const LxcLine& line) { set_seccomp_profile(conversion_, line.origin); }
  void no_new_privileges(const LxcLine& line) {
    if (line.value != "0") set_no_new_privileges(conversion_, line.origin);
  }
  void fstab(const LxcLine& line) {
    conversion_.skip(line.origin, "its lines must be given as lxc.mount.entry, no other file is read");
  }
  void include(const LxcLine& line) { conversion_.skip(line.origin, "its lines must be given, no other file is read"); }
  void autostart(const LxcLine& line) {
    if (line.value != "0") conversion_.skip(line.origin, "autostart is no part of a definition");
  }
  void unless_zero(const LxcLine& line) {
    if (line.value != "0") conversion_.skip(line.origin);
  }
  void unless_one(const LxcLine& line) {
    if (line.value != "1") conversion_.skip(line.origin);
  }
  void nothing(const LxcLine&) {}

  Os& os() { return conversion_.definition.os; }
  static std::string id_text(const LxcLine& line);

  struct Key {
    std::string_view name;
    void (LxcReader::*read)(const LxcLine& line);
  };
  static const Key kKeys[];

  Conversion conversion_;
  CgroupReader cgroup_{conversion_};
  NetworkNamespace network_ = NetworkNamespace::Own;
  std::map<std::uint64_t, LxcNetwork> networks_;
  std::vector<LxcLine> dropped_, kept_;
  std::string root_;
};

const LxcReader::Key LxcReader::kKeys[] = {
    {"lxc.uts.name", &LxcReader::name},
    {"lxc.arch", &LxcReader::arch},
    {"lxc.rootfs.path", &LxcReader::nothing},  // read before all others
    {"lxc.rootfs.options", &LxcReader::root_option},
    {"lxc.mount.entry", &LxcReader::mount_entry},
    {"lxc.mount.auto", &LxcReader::mount_auto},
    {"lxc.mount.fstab", &LxcReader::fstab},
    {"lxc.include", &LxcReader::include},
    {"lxc.init.cmd", &LxcReader::init_command},
    {"lxc.init.cwd", &LxcReader::init_directory},
    {"lxc.init.uid", &LxcReader::init_user},
    {"lxc.init.gid", &LxcReader::init_group},
    {"lxc.environment", &LxcReader::environment},
    {"lxc.tty.max", &LxcReader::ttys},
    {"lxc.pty.max", &LxcReader::nothing},  // LXC itself only takes it to mean a devpts of one's own
    {"lxc.idmap", &LxcReader::id_map},
    {"lxc.cap.drop", &LxcReader::drop},
    {"lxc.cap.keep", &LxcReader::keep},
    {"lxc.namespace.keep", &LxcReader::keep_namespaces},
    {"lxc.seccomp.profile", &LxcReader::seccomp},
    {"lxc.no_new_privs", &LxcReader::no_new_privileges},
    {"lxc.start.auto", &LxcReader::autostart},
    {"lxc.ephemeral", &LxcReader::unless_zero},
    {"lxc.autodev", &LxcReader::unless_one},
};

FromNative LxcReader::read(std::string_view text) {
  begin_conversion(conversion_);
  const std::vector<LxcLine> lines = read_lxc_lines(text);
  read_root(lines);
  for (const LxcLine& line : lines) read_line(line);
  for (const auto& [index, network] : networks_)
    if (add_lxc_network(conversion_, network) == NetworkNamespace::Host) network_ = NetworkNamespace::Host;
  if (conversion_.definition.shared_net) network_ = NetworkNamespace::Shared;
  read_capabilities();
  cgroup_.finish();
  finish_conversion(conversion_, network_);
  return conversion_.take();
}

/// First, because mount targets may be said by way of it. The last one counts.
void LxcReader::read_root(const std::vector<LxcLine>& lines) {
  const auto last =
      std::find_if(lines.rbegin(), lines.rend(), [](const LxcLine& line) { return line.key == "lxc.rootfs.path"; });
  if (last == lines.rend()) fail(Code::ConfigUnsupported, "no root filesystem is given: lxc.rootfs.path");
  root_ = last->value;
  const auto colon = root_.find(':');
  const std::string kind = root_.starts_with('/') || colon == std::string::npos ? "" : root_.substr(0, colon);
  if (!kind.empty()) root_.erase(0, colon + 1);
  if (!root_.starts_with('/')) fail(Code::ConfigUnsupported, last->origin, ": an absolute path is needed");
  auto& filesystems = conversion_.definition.filesystems;
  if (kind == "overlay" || kind == "overlayfs") {
    auto layers = split(root_, ':');
    if (layers.size() < 2) fail(Code::InvalidArg, last->origin, ": lower and upper directory are needed");
    const std::string upper = layers.back();
    layers.pop_back();
    set_overlay_root(conversion_, last->origin, layers, upper);
  } else if (kind == "loop") {
    filesystems.push_back(root_filesystem(FilesystemType::File, root_));
  } else if (kind.empty() || kind == "dir" || kind == "btrfs" || kind == "lvm") {
    const bool device = root_.starts_with("/dev/");
    filesystems.push_back(root_filesystem(device ? FilesystemType::Block : FilesystemType::Mount, root_));
  } else {
    fail(Code::ConfigUnsupported, last->origin, ": no root filesystem of kind '", kind, "' can be made");
  }
}

void LxcReader::read_line(const LxcLine& line) {
  for (const Key& key : kKeys)
    if (line.key == key.name) return (this->*key.read)(line);
  if (!read_family(line)) conversion_.skip(line.origin);
}

/// Keys that carry a name of something.
bool LxcReader::read_family(const LxcLine& line) {
  const auto rest = [&](std::string_view family) {
    return line.key.starts_with(family) ? line.key.substr(family.size()) : std::string();
  };
  if (const std::string file = rest("lxc.cgroup2."); !file.empty()) {
    cgroup_.read(2, line.origin, file, line.value);
  } else if (const std::string file1 = rest("lxc.cgroup."); !file1.empty()) {
    cgroup_.read(1, line.origin, file1, line.value);
  } else if (const std::string network = rest("lxc.net."); !network.empty()) {
    const auto index = parse_unsigned(network.substr(0, network.find('.')));
    if (!index) return false;
    networks_[*index].push_back(line);
  } else if (const std::string shared = rest("lxc.namespace.share."); !shared.empty()) {
    shared_namespace(line, shared);
  } else if (const std::string limit = rest("lxc.prlimit."); !limit.empty()) {
    resource_limit(line, limit);
  } else {
    return false;
  }
  return true;
}

void LxcReader::arch(const LxcLine& line) {
  const auto* known =
      std::find_if(std::begin(kArchs), std::end(kArchs), [&](const Arch& arch) { return line.value == arch.lxc; });
  os().arch = known == std::end(kArchs) ? line.value : known->ours;
  if (!contains(kArchitectures, os().arch)) fail(Code::InvalidArg, line.origin, ": unknown architecture");
}

void LxcReader::root_option(const LxcLine& line) {
  std::string lost;
  for (const std::string& option : split(line.value, ',')) {
    if (option == "ro")
      conversion_.definition.filesystems.front().readonly = true;
    else if (option != "rw" && option != "defaults")
      lost += (lost.empty() ? "" : ",") + option;
  }
  if (!lost.empty()) conversion_.skip(line.origin + ": options " + lost);
}

/// "SOURCE TARGET TYPE OPTIONS [DUMP [PASS]]"; the target below the root, or as the host sees it.
void LxcReader::mount_entry(const LxcLine& line) {
  const auto fields = split_blanks(line.value);
  if (fields.size() < 2) fail(Code::InvalidArg, line.origin, ": a source and a target are needed");
  ForeignMount mount{.source = decode_fstab(fields[0]), .target = decode_fstab(fields[1])};
  if (fields.size() > 2) mount.type = fields[2];
  if (fields.size() > 3) mount.options = split(decode_fstab(fields[3]), ',');
  if (!mount.target.starts_with('/'))
    mount.target.insert(0, "/");
  else if (mount.target.starts_with(root_ + "/") && root_ != "/")
    mount.target.erase(0, root_.size());
  add_mount(conversion_, line.origin, mount);
}

void LxcReader::mount_auto(const LxcLine& line) {
  static constexpr const char* kMadeAnyway[] = {"proc",   "proc:mixed", "sys",          "sys:mixed",
                                                "sys:ro", "cgroup",     "cgroup:mixed", "cgroup:rw"};
  for (const std::string& word : split_blanks(line.value))
    if (!contains(kMadeAnyway, word)) conversion_.skip(line.origin + ": " + word);
}

void LxcReader::init_command(const LxcLine& line) {
  auto words = split_command(line.value);
  if (words.empty() || !words.front().starts_with('/'))
    fail(Code::ConfigUnsupported, line.origin, ": an absolute path is needed");
  if (std::find(words.begin(), words.end(), "") != words.end())
    fail(Code::ConfigUnsupported, line.origin, ": init cannot be given an empty argument");
  os().init = std::move(words.front());
  os().init_args.assign(words.begin() + 1, words.end());
}

void LxcReader::environment(const LxcLine& line) {
  const auto equals = line.value.find('=');
  if (equals == std::string::npos) return conversion_.skip(line.origin, "it has no value");
  if (equals == 0) fail(Code::InvalidArg, line.origin, ": a name is needed");
  if (equals + 1 == line.value.size()) return conversion_.skip(line.origin, "its value is empty");
  os().init_env.push_back({line.value.substr(0, equals), line.value.substr(equals + 1)});
}

/// The first console is tty1 too.
void LxcReader::ttys(const LxcLine& line) {
  const std::uint64_t count = native_number(line.origin, line.value);
  if (count > kMaxTtys) fail(Code::InvalidArg, line.origin, ": at most ", kMaxTtys, " terminals are possible");
  conversion_.definition.consoles.resize(count);
}

/// "u|g|b FIRST-INSIDE FIRST-ON-HOST COUNT"
void LxcReader::id_map(const LxcLine& line) {
  const auto words = split_blanks(line.value);
  const bool both = !words.empty() && words[0] == "b";
  if (words.size() != 4 || !(both || words[0] == "u" || words[0] == "g"))
    fail(Code::InvalidArg, line.origin, ": a map such as 'u 0 100000 65536' is needed");
  std::uint32_t numbers[3];
  for (std::size_t i = 0; i < 3; ++i) {
    const auto number = parse_number<std::uint32_t>(words[i + 1]);
    if (!number) fail(Code::InvalidArg, line.origin, ": '", words[i + 1], "' is no id");
    numbers[i] = *number;
  }
  const IdMapEntry entry{.start = numbers[0], .target = numbers[1], .count = numbers[2]};
  const auto add = [&](std::vector<IdMapEntry>& entries) {
    const auto after = [](const IdMapEntry& a, const IdMapEntry& b) { return a.start < b.start; };
    entries.insert(std::upper_bound(entries.begin(), entries.end(), entry, after), entry);
  };
  IdMap& map = conversion_.definition.idmap;
  if (both || words[0] == "u") add(map.uids);
  if (both || words[0] == "g") add(map.gids);
}

void LxcReader::keep_namespaces(const LxcLine& line) {
  for (const std::string& name : split_blanks(line.value)) {
    if (name == "net")
      network_ = NetworkNamespace::Host;
    else
      conversion_.skip(line.origin + ": " + name, "a container has its own");
  }
}

/// By process or by container: a path would need LXC's own files.
void LxcReader::shared_namespace(const LxcLine& line, std::string_view name) {
  DomainDefinition& definition = conversion_.definition;
  auto* const shared = name == "net"   ? &definition.shared_net
                       : name == "ipc" ? &definition.shared_ipc
                       : name == "uts" ? &definition.shared_uts
                                       : nullptr;
  if (shared == nullptr || line.value.find('/') != std::string::npos) return conversion_.skip(line.origin);
  const bool pid = parse_number<std::uint32_t>(line.value).has_value();
  *shared = SharedNamespace{pid ? SharedNamespace::From::Pid : SharedNamespace::From::Name, line.value};
}

/// "SOFT:HARD", or one number for both.
void LxcReader::resource_limit(const LxcLine& line, const std::string& name) {
  const auto limit = [&](const std::string& text) {
    return text == "unlimited" ? std::nullopt : std::optional(native_number(line.origin, text));
  };
  const auto colon = line.value.find(':');
  const auto soft = limit(line.value.substr(0, colon));
  set_resource_limit(conversion_, line.origin, name, soft,
                     colon == std::string::npos ? soft : limit(line.value.substr(colon + 1)));
}

std::string LxcReader::id_text(const LxcLine& line) {
  const auto id = parse_number<std::uint32_t>(line.value);
  if (!id) fail(Code::InvalidArg, line.origin, ": a numeric id is needed");
  return *id == 0 ? std::string() : std::to_string(*id);
}

/// LXC drops nothing unless told, so the policy is 'allow' as in stock's converter.
void LxcReader::read_capabilities() {
  if (!kept_.empty() && !dropped_.empty())
    fail(Code::ConfigUnsupported, kept_.front().origin, ": capabilities are either kept or dropped");
  if (kept_.empty()) set_native_capabilities(conversion_, {}, CapabilityPolicy::Allow, {});
  for (const LxcLine& line : dropped_)
    set_native_capabilities(conversion_, line.origin, CapabilityPolicy::Allow, split_blanks(line.value));
  for (const LxcLine& line : kept_) {
    auto names = split_blanks(line.value);
    if (const auto none = std::find(names.rbegin(), names.rend(), "none"); none != names.rend()) {
      conversion_.definition.features.capabilities.reset();  // forgets what was kept so far
      names.erase(names.begin(), none.base());
    }
    set_native_capabilities(conversion_, line.origin, CapabilityPolicy::Deny, names);
  }
}

}  // namespace

FromNative from_lxc_tools(std::string_view text) {
  return LxcReader().read(text);
}

}  // namespace domain_xml
