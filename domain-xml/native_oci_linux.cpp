// linux.resources and linux.namespaces.
#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/native_oci.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

using base::Code;
using base::fail;

namespace {

/// Of memory: absent and 0 are "not said", negative is unlimited.
enum class Said { Not, Unlimited, Value };

Said take_limit(JsonObject& object, const char* name, std::uint64_t& bytes) {
  const std::int64_t value = object.take_integer(name).value_or(0);
  if (value == 0) return Said::Not;
  if (value < 0 || value == kMaxJsonInteger) return Said::Unlimited;
  bytes = static_cast<std::uint64_t>(value);
  return Said::Value;
}

std::optional<std::uint64_t> finite_kib(std::uint64_t bytes) {
  return kib_of(bytes) >= kUnlimitedKib ? std::nullopt : std::optional(kib_of(bytes));
}

void read_memory(Conversion& conversion, JsonObject memory) {
  MemoryTune& tune = conversion.definition.memory_tune;
  std::uint64_t bytes = 0;
  const std::string origin = memory.origin("limit");
  if (const Said limit = take_limit(memory, "limit", bytes); limit != Said::Not)
    set_memory_limit(conversion, limit == Said::Value ? std::optional(bytes) : std::nullopt, origin);
  if (take_limit(memory, "reservation", bytes) == Said::Value) tune.soft_limit_kib = finite_kib(bytes);
  if (take_limit(memory, "swap", bytes) == Said::Value) tune.swap_hard_limit_kib = finite_kib(bytes);
}

void read_cpu(Conversion& conversion, JsonObject cpu) {
  const auto origin = [&](const char* name) { return cpu.origin(name); };
  // 0 is "not said" here.
  const std::string shares = origin("shares"), quota = origin("quota"), period = origin("period");
  const std::string cpus = origin("cpus"), mems = origin("mems");
  if (const auto value = cpu.take_integer("shares"); value.value_or(0) != 0)
    set_cpu_shares(conversion, shares, unsigned_json(shares, *value));
  if (const auto value = cpu.take_integer("quota"); value.value_or(0) != 0) set_cpu_quota(conversion, quota, *value);
  if (const auto value = cpu.take_integer("period"); value.value_or(0) != 0)
    set_cpu_period(conversion, period, unsigned_json(period, *value));
  if (const std::string list = cpu.take_string("cpus").value_or(""); !list.empty()) set_cpuset(conversion, cpus, list);
  if (const std::string list = cpu.take_string("mems").value_or(""); !list.empty())
    set_memory_nodes(conversion, mems, list);
}

std::string take_device_number(JsonObject& device, const std::string& origin) {
  const auto major = device.take_integer("major"), minor = device.take_integer("minor");
  if (!major || !minor) fail(Code::InvalidArg, origin, ": major and minor are needed");
  return std::to_string(*major) + ":" + std::to_string(*minor);
}

void read_block(Conversion& conversion, JsonObject block) {
  const std::string weight = block.origin("weight");
  if (const auto value = block.take_integer("weight"); value.value_or(0) != 0)
    set_block_weight(conversion, weight, unsigned_json(weight, *value));
  for (JsonObject device : block.objects("weightDevice")) {
    const std::string origin = device.origin();
    BlockDeviceTune& tune = block_device(conversion, origin, take_device_number(device, origin));
    const std::uint64_t value = unsigned_json(origin, device.take_integer("weight").value_or(0));
    if (value > 10000) fail(Code::InvalidArg, origin, ": the weight must be at most 10000");
    if (value != 0) tune.weight = static_cast<unsigned>(value);
  }
  const auto throttle = [&](const char* name, std::optional<std::uint64_t> BlockDeviceTune::*member) {
    for (JsonObject device : block.objects(name)) {
      const std::string origin = device.origin();
      BlockDeviceTune& tune = block_device(conversion, origin, take_device_number(device, origin));
      const std::uint64_t rate = unsigned_json(origin, device.take_integer("rate").value_or(0));
      if (rate != 0) tune.*member = rate;
    }
  };
  throttle("throttleReadBpsDevice", &BlockDeviceTune::read_bytes_sec);
  throttle("throttleWriteBpsDevice", &BlockDeviceTune::write_bytes_sec);
  throttle("throttleReadIOPSDevice", &BlockDeviceTune::read_iops_sec);
  throttle("throttleWriteIOPSDevice", &BlockDeviceTune::write_iops_sec);
}

/// As lines of the kernel's devices.allow and devices.deny.
void read_device_rules(CgroupReader& cgroup, const JsonObject& resources) {
  for (JsonObject rule : resources.objects("devices")) {
    const std::string origin = rule.origin();
    const bool allow = rule.take_bool("allow").value_or(false);
    const std::string type = rule.take_string("type").value_or("a");
    const auto number = [&](const char* name) {
      const auto value = rule.take_integer(name);
      return value && *value >= 0 ? std::to_string(*value) : "*";
    };
    const std::string major = number("major"), minor = number("minor");
    const std::string access = rule.take_string("access").value_or("rwm");
    cgroup.read(1, origin, allow ? "devices.allow" : "devices.deny", type + " " + major + ":" + minor + " " + access);
  }
}

/// "/run/netns/NAME" or "/proc/PID/ns/KIND"
std::optional<SharedNamespace> shared_namespace(const std::string& path, const std::string& kind) {
  const auto parts = split(path, '/');
  const std::size_t count = parts.size();
  const bool netns = path.starts_with("/run/netns/") || path.starts_with("/var/run/netns/");
  if (kind == "net" && netns && (count == 3 || count == 4) && parts[count - 2] == "netns")
    return SharedNamespace{SharedNamespace::From::Netns, parts.back()};
  if (count == 4 && parts[0] == "proc" && parts[2] == "ns" && parts[3] == kind && parse_number<std::uint32_t>(parts[1]))
    return SharedNamespace{SharedNamespace::From::Pid, parts[1]};
  return std::nullopt;
}

struct Kind {
  std::string_view type;
  std::string kernel_name;
  std::optional<SharedNamespace> DomainDefinition::*shared = nullptr;
};

const Kind* kind_of(const std::string& type) {
  static const Kind kKinds[] = {{"network", "net", &DomainDefinition::shared_net},
                                {"ipc", "ipc", &DomainDefinition::shared_ipc},
                                {"uts", "uts", &DomainDefinition::shared_uts},
                                {"pid", "pid"},
                                {"mount", "mnt"},
                                {"user", "user"},
                                {"cgroup", "cgroup"}};
  const auto* found = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& k) { return k.type == type; });
  return found == std::end(kKinds) ? nullptr : found;
}

}  // namespace

void read_oci_resources(Conversion& conversion, CgroupReader& cgroup, const JsonObject& resources) {
  if (auto memory = resources.object("memory")) read_memory(conversion, *memory);
  if (auto cpu = resources.object("cpu")) read_cpu(conversion, *cpu);
  if (auto block = resources.object("blockIO")) read_block(conversion, *block);
  if (auto pids = resources.object("pids")) {
    const std::string origin = pids->origin("limit");
    const std::int64_t limit = pids->take_integer("limit").value_or(0);
    if (limit > 0 && limit != kMaxJsonInteger) set_pids_limit(conversion, origin, limit);
  }
  read_device_rules(cgroup, resources);
  // Last, because files of cgroup v2 are what the runtime writes last.
  if (auto unified = resources.object("unified"))
    for (const auto& [file, value] : unified->take_members())
      cgroup.read(2, origin_of("linux.resources.unified." + file, value), file, value);
}

NetworkNamespace read_oci_namespaces(Conversion& conversion, JsonObject& linux) {
  DomainDefinition& definition = conversion.definition;
  std::vector<std::string> seen;
  NetworkNamespace network = NetworkNamespace::Host;
  for (JsonObject object : linux.objects("namespaces")) {
    const std::string origin = object.origin();
    const std::string type = object.take_string("type").value_or("");
    const std::string path = object.take_string("path").value_or("");
    if (std::find(seen.begin(), seen.end(), type) != seen.end())
      fail(Code::InvalidArg, origin, ": the namespace is given twice");
    seen.push_back(type);
    const Kind* const kind = kind_of(type);
    if (type == "network") network = NetworkNamespace::Own;
    if (type == "user" && path.empty() && definition.idmap.empty()) set_automatic_user_namespace(conversion, origin);
    const auto shared = kind == nullptr ? std::nullopt : shared_namespace(path, kind->kernel_name);
    if (kind != nullptr && kind->shared != nullptr && shared)
      definition.*kind->shared = shared;
    else if (kind == nullptr || !path.empty())
      conversion.skip(origin, "no such namespace can be joined");
  }
  for (const char* type : {"pid", "mount", "ipc", "uts", "cgroup"})
    if (std::find(seen.begin(), seen.end(), type) == seen.end())
      conversion.skip(std::string("linux.namespaces: no ") + type, "a container has its own");
  return definition.shared_net ? NetworkNamespace::Shared : network;
}

}  // namespace domain_xml
