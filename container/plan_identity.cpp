// Who init is: host name, id maps, arguments and environment.
#include <sys/resource.h>

#include <algorithm>

#include "base/error.hpp"
#include "container/plan_container.hpp"
#include "container/plan_parts.hpp"
#include "domain-xml/words.hpp"

namespace container {
namespace {

constexpr std::size_t kMaxHostname = 64;  // HOST_NAME_MAX
constexpr std::size_t kMaxMapLines = 340;

bool is_hostname_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

std::string map_text(const std::vector<domain_xml::IdMapEntry>& entries) {
  if (entries.size() > kMaxMapLines)
    base::fail(base::Code::InvalidArg, "too many id map entries: ", entries.size(), ", at most ", kMaxMapLines);
  auto sorted = entries;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  std::string text;
  for (const auto& entry : sorted) text += base::join(entry.start, ' ', entry.target, ' ', entry.count, '\n');
  return text;
}

class Environment {
 public:
  void set(const std::string& name, const std::string& value) {
    const std::string prefix = name + "=";
    const auto old =
        std::find_if(list_.begin(), list_.end(), [&](const auto& entry) { return entry.starts_with(prefix); });
    if (old == list_.end())
      list_.push_back(prefix + value);
    else
      *old = prefix + value;
  }
  std::vector<std::string> take() { return std::move(list_); }

 private:
  std::vector<std::string> list_;
};

std::vector<std::string> environment(const domain_xml::DomainDefinition& definition) {
  const std::string uuid = base::format_uuid(definition.uuid);
  Environment list;
  list.set("PATH", "/bin:/sbin");
  list.set("TERM", "linux");
  list.set("container", "lxc-libvirt");
  list.set("HOME", "/");
  list.set("container_uuid", uuid);
  std::string ttys;
  for (std::size_t i = 1; i < definition.consoles.size(); ++i) ttys += (i > 1 ? " pts/" : "pts/") + std::to_string(i);
  if (!ttys.empty()) list.set("container_ttys", ttys);
  list.set("LIBVIRT_LXC_UUID", uuid);
  list.set("LIBVIRT_LXC_NAME", definition.name);
  if (!definition.os.cmdline.empty()) list.set("LIBVIRT_LXC_CMDLINE", definition.os.cmdline);
  for (const auto& variable : definition.os.init_env) list.set(variable.name, variable.value);
  return list.take();
}

}  // namespace

std::string plan_hostname(const std::string& name) {
  std::string hostname;
  std::copy_if(name.begin(), name.end(), std::back_inserter(hostname), is_hostname_character);
  if (hostname.starts_with('-')) hostname.erase(0, 1);
  hostname.resize(std::min(hostname.size(), kMaxHostname));
  return hostname.empty() ? "localhost" : hostname;  // empty would show the host's own name
}

std::optional<std::uint32_t> to_host_id(const std::vector<domain_xml::IdMapEntry>& map, std::uint32_t id) {
  if (map.empty()) return id;
  for (const auto& entry : map)
    if (id >= entry.start && id - entry.start < entry.count) return entry.target + (id - entry.start);
  return std::nullopt;
}

void plan_id_maps(ContainerPlan& plan, const domain_xml::IdMap& map) {
  if (map.empty()) return;
  const auto root_uid = to_host_id(map.uids, 0), root_gid = to_host_id(map.gids, 0);
  if (map.uids.empty() || map.gids.empty() || !root_uid || !root_gid)
    base::fail(base::Code::ConfigUnsupported, "id maps need both uid and gid entries, each covering id 0");
  plan.uid_map = map_text(map.uids);
  plan.gid_map = map_text(map.gids);
  plan.root_uid = *root_uid;
  plan.root_gid = *root_gid;
}

std::vector<ResourceLimit> plan_resource_limits(const std::vector<domain_xml::ResourceLimit>& limits) {
  std::vector<ResourceLimit> planned;
  for (const auto& limit : limits) {
    const auto* const name =
        std::find(std::begin(domain_xml::kResourceLimitNames), std::end(domain_xml::kResourceLimitNames), limit.name);
    planned.push_back({static_cast<std::uint32_t>(name - std::begin(domain_xml::kResourceLimitNames)),
                       limit.soft.value_or(RLIM64_INFINITY), limit.hard.value_or(RLIM64_INFINITY)});
  }
  return planned;
}

void plan_given_descriptors(ContainerPlan& plan, std::size_t count) {
  constexpr std::size_t kMost = 64;  // one message carries them with all else
  if (count == 0) return;
  if (count > kMost)
    base::fail(base::Code::ConfigUnsupported, "more than ", kMost, " descriptors cannot be given to '", plan.name, "'");
  auto& environment = plan.init.environment;
  const auto set = [&](const std::string& prefix, std::size_t value) {
    const auto same = [&](const std::string& variable) { return variable.starts_with(prefix); };
    if (std::none_of(environment.begin(), environment.end(), same))
      environment.push_back(prefix + std::to_string(value));
  };
  set("LISTEN_FDS=", count);
  set("LISTEN_PID=", 1);
}

InitPlan plan_init(const domain_xml::DomainDefinition& definition) {
  const auto& os = definition.os;
  InitPlan init;
  init.path = os.init;
  init.arguments.push_back(os.init);
  init.arguments.insert(init.arguments.end(), os.init_args.begin(), os.init_args.end());
  init.environment = environment(definition);
  if (!os.init_dir.empty()) init.directory = os.init_dir;
  init.user = os.init_user;
  init.group = os.init_group;
  return init;
}

}  // namespace container
