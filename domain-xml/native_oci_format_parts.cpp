// process, linux.resources and linux.namespaces of a definition.
#include <algorithm>
#include <set>

#include "domain-xml/native_oci.hpp"
#include "domain-xml/values.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

namespace {

void set_number(const JsonOwner& object, const char* name, std::uint64_t number) {
  const auto clamped = static_cast<json_int_t>(std::min<std::uint64_t>(number, kMaxJsonInteger - 1));
  json_object_set_new(object.get(), name, json_integer(clamped));
}

void set_text(const JsonOwner& object, const char* name, const std::string& text) {
  if (!text.empty()) json_object_set_new(object.get(), name, json_string(text.c_str()));
}

void set_filled(const JsonOwner& object, const char* name, JsonOwner value) {
  const bool filled = json_object_size(value.get()) != 0 || json_array_size(value.get()) != 0;
  if (filled) json_object_set_new(object.get(), name, value.release());
}

JsonOwner list_of(const std::vector<std::string>& words) {
  JsonOwner list(json_array());
  for (const std::string& word : words) json_array_append_new(list.get(), json_string(word.c_str()));
  return list;
}

std::vector<std::string> kept_capabilities(const CapabilityFeature& feature) {
  std::set<std::string> kept;
  if (feature.policy != CapabilityPolicy::Deny) kept.insert(std::begin(kCapabilityNames), std::end(kCapabilityNames));
  if (feature.policy == CapabilityPolicy::Default)
    for (const char* name : kDroppedByDefault) kept.erase(name);
  for (const auto& [name, on] : feature.states) {
    if (on)
      kept.insert(name);
    else
      kept.erase(name);
  }
  std::vector<std::string> names;
  for (std::string name : kept) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c; });
    names.push_back("CAP_" + name);
  }
  return names;
}

JsonOwner capabilities(const DomainDefinition& definition) {
  const auto names = kept_capabilities(definition.features.capabilities.value_or(CapabilityFeature{}));
  JsonOwner object(json_object());
  for (const char* set : {"bounding", "effective", "permitted"})
    json_object_set_new(object.get(), set, list_of(names).release());
  if (definition.features.capabilities && definition.features.capabilities->policy == CapabilityPolicy::Deny)
    json_object_set_new(object.get(), "inheritable", list_of(names).release());
  return object;
}

JsonOwner memory(const DomainDefinition& definition) {
  const MemoryTune& tune = definition.memory_tune;
  JsonOwner object(json_object());
  const std::uint64_t limit = tune.hard_limit_kib.value_or(definition.memory_kib);
  if (limit >= kUnlimitedKib)
    json_object_set_new(object.get(), "limit", json_integer(-1));
  else
    set_number(object, "limit", limit * 1024);
  if (tune.soft_limit_kib) set_number(object, "reservation", *tune.soft_limit_kib * 1024);
  if (tune.swap_hard_limit_kib) set_number(object, "swap", *tune.swap_hard_limit_kib * 1024);
  return object;
}

JsonOwner cpu(const DomainDefinition& definition) {
  const CpuTune& tune = definition.cpu_tune;
  JsonOwner object(json_object());
  if (tune.shares) set_number(object, "shares", *tune.shares);
  if (tune.quota_us) json_object_set_new(object.get(), "quota", json_integer(*tune.quota_us));
  if (tune.period_us) set_number(object, "period", *tune.period_us);
  set_text(object, "cpus", definition.cpuset);
  if (definition.numa_tune && definition.numa_tune->mode == NumaMode::Strict)
    set_text(object, "mems", definition.numa_tune->nodeset);
  return object;
}

template <typename Number>
JsonOwner per_device(const BlockTune& tune, const char* name, std::optional<Number> BlockDeviceTune::*member) {
  JsonOwner list(json_array());
  for (const BlockDeviceTune& device : tune.devices) {
    const auto number = block_device_number(device.path);
    if (!number || !(device.*member)) continue;
    JsonOwner object(json_object());
    set_number(object, "major", native_number(device.path, number->substr(0, number->find(':'))));
    set_number(object, "minor", native_number(device.path, number->substr(number->find(':') + 1)));
    set_number(object, name, *(device.*member));
    json_array_append_new(list.get(), object.release());
  }
  return list;
}

JsonOwner block_io(const BlockTune& tune) {
  JsonOwner object(json_object());
  if (tune.weight) set_number(object, "weight", *tune.weight);
  set_filled(object, "weightDevice", per_device(tune, "weight", &BlockDeviceTune::weight));
  set_filled(object, "throttleReadBpsDevice", per_device(tune, "rate", &BlockDeviceTune::read_bytes_sec));
  set_filled(object, "throttleWriteBpsDevice", per_device(tune, "rate", &BlockDeviceTune::write_bytes_sec));
  set_filled(object, "throttleReadIOPSDevice", per_device(tune, "rate", &BlockDeviceTune::read_iops_sec));
  set_filled(object, "throttleWriteIOPSDevice", per_device(tune, "rate", &BlockDeviceTune::write_iops_sec));
  return object;
}

JsonOwner resource_limits(const Extension& extension) {
  JsonOwner list(json_array());
  for (const ResourceLimit& limit : extension.resource_limits) {
    JsonOwner object(json_object());
    std::string name = limit.name;
    std::transform(name.begin(), name.end(), name.begin(), [](char c) { return static_cast<char>(c & ~0x20); });
    set_text(object, "type", "RLIMIT_" + name);
    for (const auto& [member, value] : {std::pair("soft", limit.soft), std::pair("hard", limit.hard)})
      json_object_set_new(object.get(), member,
                          json_integer(value ? static_cast<json_int_t>(std::min<std::uint64_t>(*value, kMaxJsonInteger))
                                             : json_int_t{kMaxJsonInteger}));
    json_array_append_new(list.get(), object.release());
  }
  return list;
}

}  // namespace

JsonOwner oci_process(const DomainDefinition& definition) {
  const Os& os = definition.os;
  JsonOwner process(json_object());
  json_object_set_new(process.get(), "terminal", json_true());
  JsonOwner user(json_object());
  set_number(user, "uid", parse_number<std::uint32_t>(os.init_user).value_or(0));
  set_number(user, "gid", parse_number<std::uint32_t>(os.init_group).value_or(0));
  json_object_set_new(process.get(), "user", user.release());
  std::vector<std::string> words = {os.init};
  words.insert(words.end(), os.init_args.begin(), os.init_args.end());
  json_object_set_new(process.get(), "args", list_of(words).release());
  std::vector<std::string> environment;
  for (const InitVariable& variable : os.init_env) environment.push_back(variable.name + "=" + variable.value);
  set_filled(process, "env", list_of(environment));
  set_text(process, "cwd", os.init_dir.empty() ? "/" : os.init_dir);
  json_object_set_new(process.get(), "capabilities", capabilities(definition).release());
  set_filled(process, "rlimits", resource_limits(definition.extension));
  return process;
}

JsonOwner oci_resources(const DomainDefinition& definition) {
  JsonOwner resources(json_object());
  JsonOwner deny_all(json_object()), rules(json_array());
  json_object_set_new(deny_all.get(), "allow", json_false());
  json_object_set_new(deny_all.get(), "access", json_string("rwm"));
  json_array_append_new(rules.get(), deny_all.release());
  set_filled(resources, "devices", std::move(rules));
  set_filled(resources, "memory", memory(definition));
  set_filled(resources, "cpu", cpu(definition));
  set_filled(resources, "blockIO", block_io(definition.block_tune));
  if (definition.extension.pids_limit) {
    JsonOwner pids(json_object());
    set_number(pids, "limit", *definition.extension.pids_limit);
    set_filled(resources, "pids", std::move(pids));
  }
  return resources;
}

JsonOwner oci_namespaces(const DomainDefinition& definition) {
  JsonOwner list(json_array());
  const auto add = [&](const char* type, const char* kernel_name = "",
                       const std::optional<SharedNamespace>& shared = std::nullopt) {
    JsonOwner object(json_object());
    set_text(object, "type", type);
    if (shared && shared->from == SharedNamespace::From::Netns) set_text(object, "path", "/run/netns/" + shared->value);
    if (shared && shared->from == SharedNamespace::From::Pid)
      set_text(object, "path", "/proc/" + shared->value + "/ns/" + kernel_name);
    json_array_append_new(list.get(), object.release());
  };
  for (const char* type : {"pid", "mount", "cgroup"}) add(type);
  add("ipc", "ipc", definition.shared_ipc);
  add("uts", "uts", definition.shared_uts);
  if (definition.features.privnet || has_links(definition) || definition.shared_net)
    add("network", "net", definition.shared_net);
  if (!definition.idmap.empty() || definition.extension.idmap) add("user");
  return list;
}

}  // namespace domain_xml
