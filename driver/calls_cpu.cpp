// Questions about processors. A container runs on the host's own, so "can it have this one" is a question about that;
// models and features are those of libvirt's public CPU map, which comes with its client library.
#include <libvirt/libvirt.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/host_processor.hpp"
#include "domain-xml/capabilities.hpp"
#include "domain-xml/cpu_description.hpp"
#include "domain-xml/domain_capabilities.hpp"
#include "domain-xml/schema.hpp"
#include "domain-xml/words.hpp"
#include "driver/calls.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using rpc::Call;
using rpc::Run;
namespace proc = rpc::proc;

// Where libvirt's library has them, whatever prefix this daemon was installed to.
constexpr const char* kCpuMap = "/usr/share/libvirt/cpu_map/";
constexpr const char* kCpuSchema = "/usr/share/libvirt/schemas/cpu.rng";

/// Read anew each time: some 80 small files, asked for by people.
domain_xml::CpuMap cpu_map(const std::string& arch) {
  return domain_xml::parse_cpu_map(arch, [](const std::string& file) { return base::read_file(kCpuMap + file); });
}

void require_cpuid(const std::string& arch) {
  if (domain_xml::cpu_family(arch) != "x86")
    base::fail_from(domain_xml::kFromCpu, Code::NoSupport, "'", arch, "' architecture is not supported by CPU driver");
}

std::int32_t verdict(const domain_xml::CpuComparison& comparison, bool fail_if_incompatible) {
  switch (comparison.verdict) {
    case domain_xml::CpuVerdict::Identical:
      return VIR_CPU_COMPARE_IDENTICAL;
    case domain_xml::CpuVerdict::Superset:
      return VIR_CPU_COMPARE_SUPERSET;
    case domain_xml::CpuVerdict::Incompatible:
      break;
  }
  if (fail_if_incompatible) base::fail_from(domain_xml::kFromCpu, Code::CpuIncompatible, comparison.why);
  return VIR_CPU_COMPARE_INCOMPATIBLE;
}

std::int32_t compare(const Services& services, const std::string& xml, std::uint32_t flags, const char* api) {
  require_flags(flags, VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE | VIR_CONNECT_COMPARE_CPU_VALIDATE_XML, api);
  if (flags & VIR_CONNECT_COMPARE_CPU_VALIDATE_XML) domain_xml::Schema(kCpuSchema).validate(xml);
  const auto wanted = domain_xml::parse_cpu_description(xml);
  const std::string arch = services.backend.capabilities().arch;
  require_cpuid(arch);
  const auto map = cpu_map(arch);
  const auto host = domain_xml::describe_processor(arch, map, container::read_processor);
  return verdict(domain_xml::compare_cpu(map, host, wanted), flags & VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE);
}

std::string baseline(const std::vector<std::string>& documents, std::uint32_t flags, const char* api) {
  require_flags(flags, VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES | VIR_CONNECT_BASELINE_CPU_MIGRATABLE, api);
  std::vector<domain_xml::CpuDescription> hosts;
  for (const auto& xml : documents) hosts.push_back(domain_xml::parse_cpu_description(xml));
  const std::string arch = hosts.empty() || hosts[0].arch.empty() ? "x86_64" : hosts[0].arch;
  require_cpuid(arch);
  return domain_xml::baseline_cpu(cpu_map(arch), hosts,
                                  {.expand = (flags & VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES) != 0,
                                   .migratable = (flags & VIR_CONNECT_BASELINE_CPU_MIGRATABLE) != 0});
}

/// What the Hypervisor forms of the questions are about has to be offered by this driver; it is the host's then.
template <typename Args>
void require_offered(const Services& services, const Args& args) {
  const auto facts = services.backend.capabilities();
  domain_xml::require_offered(
      {args.emulator.value_or(""), args.arch.value_or(""), args.machine.value_or(""), args.virttype.value_or("")},
      {facts.arch, facts.emulator, 1});
}

/// Nothing for families whose processors libvirt takes by any name.
rpc::ConnectGetCpuModelNamesRet model_names(const std::string& arch, bool wanted) {
  if (std::find(std::begin(domain_xml::kArchitectures), std::end(domain_xml::kArchitectures), arch) ==
      std::end(domain_xml::kArchitectures))
    base::fail(Code::InvalidArg, "cannot find architecture ", arch);
  const std::string family = domain_xml::cpu_family(arch);
  if (family.empty())
    base::fail_from(domain_xml::kFromCpu, Code::NoSupport, "'", arch, "' architecture is not supported by CPU driver");
  rpc::ConnectGetCpuModelNamesRet ret{};
  if (family == "arm" || family == "s390") return ret;
  for (const auto& model : cpu_map(arch).models) {
    ++ret.ret;
    if (wanted) ret.models.push_back(model.name);
  }
  return ret;
}

}  // namespace

void add_cpu_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::ConnectCompareCpu>(Run::Worker, [&](Call&, const auto& args) {
    return rpc::ConnectCompareCpuRet{compare(services, args.xml, args.flags, "virConnectCompareCPU")};
  });
  table.on<proc::ConnectCompareHypervisorCpu>(Run::Worker, [&](Call&, const auto& args) {
    require_offered(services, args);
    return rpc::ConnectCompareHypervisorCpuRet{
        compare(services, args.xmlCPU, args.flags, "virConnectCompareHypervisorCPU")};
  });
  table.on<proc::ConnectBaselineCpu>(Run::Worker, [](Call&, const auto& args) {
    return rpc::ConnectBaselineCpuRet{baseline(args.xmlCPUs, args.flags, "virConnectBaselineCPU")};
  });
  table.on<proc::ConnectBaselineHypervisorCpu>(Run::Worker, [&](Call&, const auto& args) {
    require_offered(services, args);
    return rpc::ConnectBaselineHypervisorCpuRet{baseline(args.xmlCPUs, args.flags, "virConnectBaselineHypervisorCPU")};
  });
  table.on<proc::ConnectGetCpuModelNames>(Run::Worker, [](Call&, const auto& args) {
    require_flags(args.flags, 0, "virConnectGetCPUModelNames");
    return model_names(args.arch, args.need_results != 0);
  });
}

}  // namespace driver
