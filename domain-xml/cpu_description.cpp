#include "domain-xml/cpu_description.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "domain-xml/node.hpp"
#include "domain-xml/writer.hpp"

namespace domain_xml {
namespace {

using base::Code;

constexpr std::pair<const char*, CpuFeaturePolicy> kPolicies[] = {{"force", CpuFeaturePolicy::Force},
                                                                  {"require", CpuFeaturePolicy::Require},
                                                                  {"optional", CpuFeaturePolicy::Optional},
                                                                  {"disable", CpuFeaturePolicy::Disable},
                                                                  {"forbid", CpuFeaturePolicy::Forbid}};
constexpr std::pair<const char*, CpuMatch> kMatches[] = {
    {"minimum", CpuMatch::Minimum}, {"exact", CpuMatch::Exact}, {"strict", CpuMatch::Strict}};

template <typename Words>
auto word(const Words& words, const std::string& text, const char* what) {
  for (const auto& [name, value] : words)
    if (text == name) return value;
  base::fail_from(kFromCpu, Code::XmlError, "invalid ", what, " '", text, "' of a CPU");
}

CpuFeatures require_known(const CpuMap& map, const CpuFeatures& features) {
  for (const auto& name : features)
    if (!map.feature(name)) base::fail_from(kFromCpu, Code::InternalError, "Unknown CPU feature ", name);
  return features;
}

const CpuModel& require_model(const CpuMap& map, const std::string& name) {
  const CpuModel* const model = map.model(name);
  if (!model) base::fail_from(kFromCpu, Code::InternalError, "Unknown CPU model ", name);
  return *model;
}

CpuFeatures with_policy(const CpuDescription& cpu, CpuFeaturePolicy policy) {
  CpuFeatures features;
  for (const auto& feature : cpu.features)
    if (feature.policy == policy) features.insert(feature.name);
  return features;
}

CpuFeatures without(CpuFeatures from, const CpuFeatures& what) {
  std::erase_if(from, [&](const auto& name) { return what.contains(name); });
  return from;
}

CpuFeatures common(CpuFeatures one, const CpuFeatures& other) {
  std::erase_if(one, [&](const auto& name) { return !other.contains(name); });
  return one;
}

/// In the map's order, which is what people know from /proc/cpuinfo.
std::vector<std::string> in_order(const CpuMap& map, const CpuFeatures& features) {
  std::vector<std::string> names;
  for (const auto& feature : map.features)
    if (features.contains(feature.name)) names.push_back(feature.name);
  return names;
}

CpuComparison incompatible(const std::string& why) {
  return {CpuVerdict::Incompatible, why};
}

CpuComparison incompatible(const CpuMap& map, std::string why, const CpuFeatures& features) {
  const char* separator = "";
  for (const auto& name : in_order(map, features)) {
    why += separator + name;
    separator = ", ";
  }
  return incompatible(why);
}

CpuFeatures all_of(const CpuModel& model) {
  CpuFeatures features = model.features;
  features.insert(model.removed.begin(), model.removed.end());
  return features;
}

/// The model that says it in the fewest words, of these with the fewest disabled: what it lacks is required, what it
/// has too much disabled.
const CpuModel& best_model(const CpuMap& map, const CpuFeatures& features, const std::set<std::string>& vendors) {
  const CpuModel* best = nullptr;
  std::pair<std::size_t, std::size_t> fewest;
  for (const auto& model : map.models) {
    if (!model.guest || (!vendors.empty() && !model.vendor.empty() && !vendors.contains(model.vendor))) continue;
    const std::size_t disabled = without(all_of(model), features).size();
    const std::pair words(without(features, model.features).size() + disabled, disabled);
    if (best && words >= fewest) continue;
    best = &model;
    fewest = words;
  }
  if (!best)
    base::fail_from(kFromCpu, Code::OperationFailed, "CPUs are incompatible: none of their vendors has models");
  return *best;
}

void write_features(Writer& writer, const char* policy, const std::vector<std::string>& names) {
  for (const auto& name : names) writer.open("feature").attribute("policy", policy).attribute("name", name).close();
}

void require_host(const CpuDescription& cpu) {
  if (!cpu.mode.empty())
    base::fail_from(kFromCpu, Code::ConfigUnsupported, "Attribute mode is only allowed for guest CPU");
  if (cpu.arch.empty()) base::fail_from(kFromCpu, Code::XmlError, "Missing CPU architecture");
  if (cpu.model.empty()) base::fail_from(kFromCpu, Code::XmlError, "Missing CPU model name");
}

const std::string& vendor_of(const CpuMap& map, const CpuDescription& host) {
  return host.vendor.empty() ? require_model(map, host.model).vendor : host.vendor;
}

/// Theirs, by their models if by nothing else. One that is named is that of all.
std::set<std::string> vendors_of(const CpuMap& map, const std::vector<CpuDescription>& hosts) {
  std::set<std::string> vendors;
  for (const auto& host : hosts) vendors.insert(vendor_of(map, host));
  vendors.erase("");
  const bool named = std::any_of(hosts.begin(), hosts.end(), [](const auto& host) { return !host.vendor.empty(); });
  if (named && vendors.size() > 1) base::fail_from(kFromCpu, Code::OperationFailed, "CPU vendors do not match");
  return vendors;
}

CpuFeatures all_features(const CpuMap& map, const CpuDescription& host) {
  CpuFeatures features = require_model(map, host.model).features;
  features.merge(require_known(map, with_policy(host, CpuFeaturePolicy::Require)));
  return features;
}

}  // namespace

CpuDescription parse_cpu_description(const std::string& xml) {
  const Document document(xml, "(CPU_definition)");
  const Node root = document.root();
  if (root.name() != "cpu") base::fail_from(kFromCpu, Code::XmlError, "XML does not contain expected 'cpu' element");
  CpuDescription cpu{.arch = root.child("arch").text(),
                     .mode = root.attribute_text("mode"),
                     .model = root.child("model").text(),
                     .vendor = root.child("vendor").text()};
  if (const auto match = root.attribute("match")) {
    if (!cpu.arch.empty())
      base::fail_from(kFromCpu, Code::XmlError,
                      "'arch' element cannot be used inside 'cpu' element with 'match' attribute'");
    cpu.match = word(kMatches, *match, "match");
  }
  for (const Node& node : root.children("feature")) {
    CpuFeatureWish feature{.name = node.attribute_text("name")};
    if (feature.name.empty()) base::fail_from(kFromCpu, Code::XmlError, "Invalid CPU feature name");
    if (const auto policy = node.attribute("policy")) feature.policy = word(kPolicies, *policy, "feature policy");
    if (std::any_of(cpu.features.begin(), cpu.features.end(),
                    [&](const auto& other) { return other.name == feature.name; }))
      base::fail_from(kFromCpu, Code::XmlError, "CPU feature '", feature.name, "' specified more than once");
    cpu.features.push_back(std::move(feature));
  }
  if (cpu.arch.empty() && cpu.model.empty() && !cpu.features.empty())
    base::fail_from(kFromCpu, Code::XmlError, "Non-empty feature list specified without CPU model");
  return cpu;
}

CpuComparison compare_cpu(const CpuMap& map, const HostProcessor& host, const CpuDescription& wanted) {
  // Whatever the host has: nothing can be missing.
  if (!wanted.mode.empty() && wanted.mode != "custom") return {};
  if (wanted.model.empty()) {
    if (wanted.arch.empty()) return {};
    base::fail_from(kFromCpu, Code::XmlError, "Missing CPU model name");
  }
  if (!wanted.arch.empty() && cpu_family(wanted.arch) != cpu_family(host.arch))
    return incompatible("CPU arch " + wanted.arch + " does not match host arch");
  if (!wanted.vendor.empty() && wanted.vendor != host.vendor)
    return incompatible("host CPU vendor does not match required CPU vendor " + wanted.vendor);

  const auto with = [&](CpuFeaturePolicy policy) { return require_known(map, with_policy(wanted, policy)); };
  const auto forbidden = common(with(CpuFeaturePolicy::Forbid), host.features);
  if (!forbidden.empty()) return incompatible(map, "Host CPU provides forbidden features: ", forbidden);
  auto unimportant = with(CpuFeaturePolicy::Force);
  unimportant.merge(with(CpuFeaturePolicy::Optional));
  auto required =
      without(without(require_model(map, wanted.model).features, unimportant), with(CpuFeaturePolicy::Disable));
  required.merge(with(CpuFeaturePolicy::Require));
  const auto missing = without(required, host.features);
  if (!missing.empty()) return incompatible(map, "Host CPU does not provide required features: ", missing);
  const auto extra = without(without(host.features, required), unimportant);
  if (extra.empty()) return {CpuVerdict::Identical, ""};
  if (wanted.match == CpuMatch::Strict)
    return incompatible(map, "Host CPU does not strictly match guest CPU: Extra features: ", extra);
  return {CpuVerdict::Superset, ""};
}

std::string baseline_cpu(const CpuMap& map, const std::vector<CpuDescription>& hosts, BaselineOptions options) {
  if (hosts.empty()) base::fail_from(kFromCpu, Code::InvalidArg, "no CPUs given");
  for (const auto& host : hosts) {
    require_host(host);
    if (cpu_family(host.arch) != cpu_family(hosts[0].arch))
      base::fail_from(kFromCpu, Code::ConfigUnsupported, "CPUs of architectures '", hosts[0].arch, "' and '", host.arch,
                      "' have nothing in common");
  }
  const auto vendors = vendors_of(map, hosts);
  auto features = all_features(map, hosts[0]);
  for (const auto& host : hosts) features = common(std::move(features), all_features(map, host));
  const CpuModel& first = require_model(map, hosts[0].model);
  const bool as_given = hosts.size() == 1 && first.guest;
  const CpuModel& model = as_given ? first : best_model(map, features, vendors);
  features.erase("osxsave");  // what an operating system has switched on
  if (options.migratable) std::erase_if(features, [&](const auto& name) { return !map.feature(name)->migratable; });

  Writer writer;
  writer.open("cpu").attribute("mode", "custom").attribute("match", "exact");
  writer.open("model").attribute("fallback", as_given ? "forbid" : "allow").text(model.name).close();
  if (std::all_of(hosts.begin(), hosts.end(), [](const auto& host) { return !host.vendor.empty(); }))
    writer.leaf("vendor", hosts[0].vendor);
  write_features(writer, "require", in_order(map, options.expand ? features : without(features, model.features)));
  write_features(writer, "disable", in_order(map, without(all_of(model), features)));
  writer.close();
  return writer.take();
}

}  // namespace domain_xml
