// Memory, processors and the share of them a container may use.
#include "base/error.hpp"
#include "domain-xml/cpuset.hpp"
#include "domain-xml/parse_parts.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

void parse_memory(const Node& domain, DomainDefinition& definition) {
  const Node memory = domain.child("memory");
  const auto maximum = parse_size_kib(memory, "memory");
  const auto current = parse_size_kib(domain.child("currentMemory"), "currentMemory");
  if (const Node hot_plug = domain.child("maxMemory");
      hot_plug && parse_size_kib(hot_plug, "maxMemory").value_or(0) > 0) {
    if (!hot_plug.attribute("slots"))
      fail_from(From::Domain, Code::XmlError, "element 'maxMemory' needs the attribute 'slots'");
    fail_from(From::Domain, Code::ConfigUnsupported, "memory hot-plug (element 'maxMemory') is not supported");
  }
  if (!maximum || *maximum == 0)
    fail_from(From::Domain, Code::XmlError, "element 'memory' must give a size greater than 0");
  definition.memory_kib = *maximum;
  definition.current_memory_kib = current.value_or(0);
  definition.dump_core = on_off_attribute(memory, "dumpCore");
}

namespace {

/// libvirt's number for "no limit" is as good as no element.
std::optional<std::uint64_t> limit(const Node& tune, const char* name) {
  const auto value = parse_size_kib(tune.child(name), name);
  return value && *value >= kUnlimitedKib ? std::nullopt : value;
}

template <typename Number>
std::optional<Number> tune_number(const Node& tune, const char* name,
                                  std::optional<Number> (*parse)(std::string_view)) {
  const Node node = tune.child(name);
  if (!node) return std::nullopt;
  const std::string text = node.text();
  if (text.empty()) return std::nullopt;
  const auto value = parse(text);
  if (!value) fail_from(From::Domain, Code::XmlError, "invalid value '", text, "' for element 'cputune/", name, "'");
  return value;
}

/// Period and quota have no meaning at 0 and stand for nothing given; shares keep it.
template <typename Number>
std::optional<Number> unless_zero(std::optional<Number> number) {
  return number == Number{0} ? std::nullopt : number;
}

}  // namespace

void parse_memory_tune(const Node& domain, DomainDefinition& definition) {
  const Node tune = domain.child("memtune");
  definition.memory_tune = {.hard_limit_kib = limit(tune, "hard_limit"),
                            .soft_limit_kib = limit(tune, "soft_limit"),
                            .swap_hard_limit_kib = limit(tune, "swap_hard_limit"),
                            .min_guarantee_kib = limit(tune, "min_guarantee")};
}

void parse_vcpu(const Node& domain, DomainDefinition& definition) {
  const Node vcpu = domain.child("vcpu");
  if (domain.child("vcpus").child("vcpu"))
    fail_from(From::Domain, Code::ConfigUnsupported, "states of single CPUs (element 'vcpus') are not supported");
  if (!vcpu) return;
  const auto count = parse_number<unsigned>(vcpu.text());
  if (!count) fail_from(From::Domain, Code::XmlError, "the number of vcpus must be a number, not '", vcpu.text(), "'");
  definition.vcpus = *count;
  if (definition.vcpus == 0) fail_from(From::Domain, Code::ConfigUnsupported, "the number of vcpus must be at least 1");
  if (const auto current = unsigned_attribute(vcpu, "current")) {
    if (*current > definition.vcpus)
      fail_from(From::Domain, Code::ConfigUnsupported, "the number of current vcpus, ", *current,
                ", must be at most the ", definition.vcpus, " of element 'vcpu'");
    if (*current != definition.vcpus) definition.vcpus_current = current;
  }
  definition.vcpu_placement = word_attribute(vcpu, "placement", kVcpuPlacements, VcpuPlacement::Static);
  if (definition.vcpu_placement == VcpuPlacement::Auto) return;
  if (const auto cpuset = vcpu.attribute("cpuset")) definition.cpuset = canonical_cpuset(*cpuset);
}

void parse_cpu_tune(const Node& domain, DomainDefinition& definition) {
  const Node tune = domain.child("cputune");
  if (!tune) return;
  definition.cpu_tune = {.shares = tune_number(tune, "shares", parse_unsigned),
                         .period_us = unless_zero(tune_number(tune, "period", parse_unsigned)),
                         .quota_us = unless_zero(tune_number(tune, "quota", parse_signed)),
                         .others = parse_stored_children(tune, "cputune")};
}

void parse_resource(const Node& domain, DomainDefinition& definition) {
  const auto resources = domain.children("resource");
  if (resources.size() > 1) fail_from(From::Domain, Code::XmlError, "element 'resource' can only appear once");
  if (resources.empty()) return;
  definition.partition = resources.front().child("partition").text();
  if (definition.partition.empty() && !resources.front().child("fibrechannel"))
    fail_from(From::Domain, Code::XmlError, "element 'resource' needs a child 'partition' with a path");
}

}  // namespace domain_xml
