// setvcpus, vcpupin, emulatorpin. A container has no vcpu threads: what these say becomes its cpuset (container/
// plan_cpuset), and the "emulator" is its supervisor.
#include <libvirt/libvirt.h>

#include <algorithm>

#include "base/error.hpp"
#include "container/host_facts.hpp"
#include "container/plan_container.hpp"
#include "domain-xml/cpu_pins.hpp"
#include "domain-xml/cpuset.hpp"
#include "driver/calls.hpp"
#include "driver/parameters.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using domain_xml::DomainDefinition;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

std::string list_of(const std::string& cpumap) {
  std::string list;
  for (std::size_t cpu = 0; cpu < cpumap.size() * 8; ++cpu)
    if (static_cast<unsigned char>(cpumap[cpu / 8]) >> (cpu % 8) & 1)
      list += (list.empty() ? "" : ",") + std::to_string(cpu);
  if (list.empty()) base::fail(Code::InvalidArg, "the map of processors is empty");
  return domain_xml::canonical_cpuset(list);
}

std::string cpumap_of(const std::string& list, std::int32_t bytes) {
  std::string map(static_cast<std::size_t>(bytes), '\0');
  for (const unsigned cpu : domain_xml::cpuset_members(list)) mark_cpu(map, cpu);
  return map;
}

bool is_everything(const std::string& list) {
  const auto wanted = domain_xml::cpuset_members(list);
  const auto all = domain_xml::cpuset_members(container::online_cpus());
  return std::includes(wanted.begin(), wanted.end(), all.begin(), all.end());
}

void require_some_online(const std::string& list) {
  const auto wanted = domain_xml::cpuset_members(list);
  const auto online = domain_xml::cpuset_members(container::online_cpus());
  if (std::find_first_of(wanted.begin(), wanted.end(), online.begin(), online.end()) == wanted.end())
    base::fail(Code::InvalidArg, "none of the processors '", list, "' is online");
}

/// A pin to every processor of the host is none.
void pin_vcpu(const Services& services, const rpc::NonnullDomain& who, unsigned vcpu, const std::string& cpumap,
              std::uint32_t flags) {
  require_flags(flags, kAffect, "virDomainPinVcpuFlags");
  const std::string cpus = list_of(cpumap);
  require_some_online(cpus);
  find_domain(services, who)
      ->change(
          [&](DomainDefinition& definition) {
            if (vcpu >= current_vcpus(definition))
              base::fail(Code::InvalidArg, "domain '", definition.name, "' has no vcpu ", vcpu);
            domain_xml::set_vcpu_pin(definition.cpu_tune, vcpu, is_everything(cpus) ? "" : cpus);
          },
          flags, TunableEvent{{{base::join("cputune.vcpupin", vcpu), cpus}}});
}

void pin_emulator(const Services& services, const rpc::DomainPinEmulatorArgs& args) {
  require_flags(args.flags, kAffect, "virDomainPinEmulator");
  const std::string cpus = list_of(args.cpumap);
  require_some_online(cpus);
  find_domain(services, args.dom)
      ->change(
          [&](DomainDefinition& definition) {
            domain_xml::set_emulator_pin(definition.cpu_tune, is_everything(cpus) ? "" : cpus);
          },
          args.flags, TunableEvent{{{VIR_DOMAIN_TUNABLE_CPU_EMULATORPIN, cpus}}});
}

void require_map_size(std::int32_t bytes, std::int32_t rows) {
  constexpr std::int64_t kMaxBytes = 8388608;  // the wire's bound
  if (bytes < 1 || rows < 0 || std::int64_t{bytes} * rows > kMaxBytes)
    base::fail(Code::InvalidArg, "bad size of the maps of processors");
}

/// Where each vcpu may run. A running container's is what the kernel enforces, unless every vcpu has a pin of its own.
rpc::DomainGetVcpuPinInfoRet vcpu_pins(const Services& services, const rpc::DomainGetVcpuPinInfoArgs& args) {
  const auto domain = find_domain(services, args.dom)->snapshot();
  const bool config = asks_config(domain, args.flags, "virDomainGetVcpuPinInfo");
  require_map_size(args.maplen, args.ncpumaps);
  const DomainDefinition& definition = config ? *domain.config : *domain.live;
  const auto pins = domain_xml::vcpu_pins(definition.cpu_tune);
  const unsigned count = current_vcpus(definition);
  std::string unpinned = config ? definition.cpuset : domain.running->limits().cpuset_cpus;
  if (unpinned.empty()) unpinned = container::online_cpus();
  const bool in_force = config || container::pins_in_force(definition);
  rpc::DomainGetVcpuPinInfoRet answer;
  for (unsigned vcpu = 0; vcpu < count && answer.num < args.ncpumaps; ++vcpu, ++answer.num) {
    const auto pin = pins.find(vcpu);
    answer.cpumaps += cpumap_of(in_force && pin != pins.end() ? pin->second : unpinned, args.maplen);
  }
  return answer;
}

/// vcpuinfo. No vcpu has a thread to be found on a processor or to be charged with time: those are not known.
rpc::DomainGetVcpusRet vcpu_list(const Services& services, const rpc::DomainGetVcpusArgs& args) {
  const auto domain = find_domain(services, args.dom)->snapshot();
  if (!domain.running) base::fail(Code::OperationInvalid, "domain '", domain.identity.name, "' is not running");
  constexpr std::int32_t kMaxVcpus = 16384;  // the wire's bound
  if (args.maxinfo < 0 || args.maxinfo > kMaxVcpus) base::fail(Code::InvalidArg, "bad number of vcpus ", args.maxinfo);
  const auto count = std::min(static_cast<unsigned>(args.maxinfo), current_vcpus(*domain.live));
  rpc::DomainGetVcpusRet answer;
  for (unsigned vcpu = 0; vcpu < count; ++vcpu)
    answer.info.push_back({vcpu, VIR_VCPU_RUNNING, 0, VIR_VCPU_INFO_CPU_UNAVAILABLE});
  if (args.maplen > 0)
    answer.cpumaps = vcpu_pins(services, {args.dom, args.maxinfo, args.maplen, VIR_DOMAIN_AFFECT_LIVE}).cpumaps;
  return answer;
}

/// guestvcpus: which processors the container's own programs see online. None of them can be taken by name.
Parameters guest_vcpus(const Services& services, const rpc::DomainGetGuestVcpusArgs& args) {
  require_flags(args.flags, 0, "virDomainGetGuestVcpus");
  const auto domain = find_domain(services, args.dom)->snapshot();
  if (!domain.running) base::fail(Code::OperationInvalid, "domain '", domain.identity.name, "' is not running");
  std::string cpus = domain.running->limits().cpuset_cpus;
  if (cpus.empty()) cpus = container::online_cpus();
  cpus = domain_xml::canonical_cpuset(cpus);
  return {{"vcpus", cpus}, {"online", cpus}, {"offlinable", std::string()}};
}

rpc::DomainGetEmulatorPinInfoRet emulator_pin(const Services& services, const rpc::DomainGetEmulatorPinInfoArgs& args) {
  const auto domain = find_domain(services, args.dom)->snapshot();
  const bool config = asks_config(domain, args.flags, "virDomainGetEmulatorPinInfo");
  require_map_size(args.maplen, 1);
  std::string cpus = config ? domain_xml::emulator_pin(domain.config->cpu_tune) : domain.running->supervisor_cpus();
  if (cpus.empty()) cpus = container::online_cpus();
  return {cpumap_of(cpus, args.maplen), 1};
}

std::int32_t vcpus(const Services& services, const rpc::NonnullDomain& who, std::uint32_t flags) {
  require_flags(flags, kAffect | VIR_DOMAIN_VCPU_MAXIMUM | VIR_DOMAIN_VCPU_GUEST, "virDomainGetVcpusFlags");
  if (flags & VIR_DOMAIN_VCPU_GUEST)
    base::fail(Code::ArgumentUnsupported, "a container has no guest agent to ask for its vcpus");
  const auto domain = find_domain(services, who)->snapshot();
  const bool config = asks_config(domain, flags & kAffect, "virDomainGetVcpusFlags");
  const DomainDefinition& definition = config ? *domain.config : *domain.live;
  return static_cast<std::int32_t>(flags & VIR_DOMAIN_VCPU_MAXIMUM ? definition.vcpus : current_vcpus(definition));
}

void set_vcpus(const Services& services, const rpc::NonnullDomain& who, unsigned count, std::uint32_t flags) {
  require_flags(flags, kAffect | VIR_DOMAIN_VCPU_MAXIMUM, "virDomainSetVcpusFlags");
  if (count == 0) base::fail(Code::InvalidArg, "domain '", who.name, "' needs at least one vcpu");
  const auto domain = find_domain(services, who);
  const bool maximum = (flags & VIR_DOMAIN_VCPU_MAXIMUM) != 0;
  if (maximum && require_affected(domain->snapshot(), flags & kAffect).live)
    base::fail(Code::OperationInvalid, "cannot change the maximum vcpus of running domain '", who.name, "'");
  domain->change(
      [&](DomainDefinition& definition) {
        if (!maximum && count > definition.vcpus)
          base::fail(Code::InvalidArg, "domain '", definition.name, "' cannot have ", count, " vcpus, its maximum is ",
                     definition.vcpus);
        if (maximum) {
          definition.vcpus = count;
          if (definition.vcpus_current.value_or(0) >= count) definition.vcpus_current.reset();
        } else {
          definition.vcpus_current = count;
          if (count == definition.vcpus) definition.vcpus_current.reset();
        }
        for (const auto& entry : domain_xml::vcpu_pins(definition.cpu_tune))
          if (entry.first >= definition.vcpus) domain_xml::set_vcpu_pin(definition.cpu_tune, entry.first, "");
      },
      flags & kAffect);
}

}  // namespace

void add_vcpu_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::DomainPinVcpu>(Run::Worker, [&](Call&, const auto& args) {
    pin_vcpu(services, args.dom, args.vcpu, args.cpumap, VIR_DOMAIN_AFFECT_LIVE);
    return Nothing{};
  });
  table.on<proc::DomainPinVcpuFlags>(Run::Worker, [&](Call&, const auto& args) {
    pin_vcpu(services, args.dom, args.vcpu, args.cpumap, args.flags);
    return Nothing{};
  });
  table.on<proc::DomainPinEmulator>(Run::Worker, [&](Call&, const auto& args) {
    pin_emulator(services, args);
    return Nothing{};
  });
  table.on<proc::DomainGetVcpuPinInfo>(Run::Worker, [&](Call&, const auto& args) { return vcpu_pins(services, args); });
  table.on<proc::DomainGetEmulatorPinInfo>(Run::Worker,
                                           [&](Call&, const auto& args) { return emulator_pin(services, args); });
  table.on<proc::DomainGetVcpus>(Run::Worker, [&](Call&, const auto& args) { return vcpu_list(services, args); });
  table.on<proc::DomainGetGuestVcpus>(
      Run::Worker, [&](Call&, const auto& args) { return rpc::DomainGetGuestVcpusRet{guest_vcpus(services, args)}; });
  table.on<proc::DomainGetIothreadInfo>(Run::Inline, [&](Call&, const auto& args) {
    require_flags(args.flags, kAffect, "virDomainGetIOThreadInfo");
    asks_config(find_domain(services, args.dom)->snapshot(), args.flags, "virDomainGetIOThreadInfo");
    return rpc::DomainGetIothreadInfoRet{};  // a container has none
  });
  table.on<proc::DomainGetVcpusFlags>(Run::Inline, [&](Call&, const auto& args) {
    return rpc::DomainGetVcpusFlagsRet{vcpus(services, args.dom, args.flags)};
  });
  table.on<proc::DomainGetMaxVcpus>(Run::Inline, [&](Call&, const auto& args) {
    return rpc::DomainGetMaxVcpusRet{vcpus(services, args.dom, VIR_DOMAIN_VCPU_MAXIMUM)};
  });
  table.on<proc::DomainSetVcpus>(Run::Worker, [&](Call&, const auto& args) {
    set_vcpus(services, args.dom, args.nvcpus, VIR_DOMAIN_AFFECT_LIVE);
    return Nothing{};
  });
  table.on<proc::DomainSetVcpusFlags>(Run::Worker, [&](Call&, const auto& args) {
    set_vcpus(services, args.dom, args.nvcpus, args.flags);
    return Nothing{};
  });
}

}  // namespace driver
