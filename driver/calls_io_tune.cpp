// How fast a disk may be read and written: virDomainSetBlockIoTune and its question. The kernel limits a container per
// device, in bytes and operations per second, reading and writing apart; what libvirt knows beyond that is refused.
#include <libvirt/libvirt.h>

#include <algorithm>

#include "base/error.hpp"
#include "container/host_facts.hpp"
#include "domain-xml/io_tune.hpp"
#include "driver/calls.hpp"
#include "driver/parameters.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using domain_xml::Disk;
using domain_xml::DomainDefinition;
using domain_xml::IoTune;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

constexpr const char* kTaken[] = {VIR_DOMAIN_BLOCK_IOTUNE_READ_BYTES_SEC, VIR_DOMAIN_BLOCK_IOTUNE_WRITE_BYTES_SEC,
                                  VIR_DOMAIN_BLOCK_IOTUNE_READ_IOPS_SEC, VIR_DOMAIN_BLOCK_IOTUNE_WRITE_IOPS_SEC};
/// Only as 0, which is what they are.
constexpr const char* kRefused[] = {
    VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_BYTES_SEC,
    VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC,
    VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_BYTES_SEC_MAX,
    VIR_DOMAIN_BLOCK_IOTUNE_READ_BYTES_SEC_MAX,
    VIR_DOMAIN_BLOCK_IOTUNE_WRITE_BYTES_SEC_MAX,
    VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC_MAX,
    VIR_DOMAIN_BLOCK_IOTUNE_READ_IOPS_SEC_MAX,
    VIR_DOMAIN_BLOCK_IOTUNE_WRITE_IOPS_SEC_MAX,
    VIR_DOMAIN_BLOCK_IOTUNE_SIZE_IOPS_SEC,
    VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_BYTES_SEC_MAX_LENGTH,
    VIR_DOMAIN_BLOCK_IOTUNE_READ_BYTES_SEC_MAX_LENGTH,
    VIR_DOMAIN_BLOCK_IOTUNE_WRITE_BYTES_SEC_MAX_LENGTH,
    VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC_MAX_LENGTH,
    VIR_DOMAIN_BLOCK_IOTUNE_READ_IOPS_SEC_MAX_LENGTH,
    VIR_DOMAIN_BLOCK_IOTUNE_WRITE_IOPS_SEC_MAX_LENGTH,
};

/// By its target or its source, as clients name disks.
std::size_t require_disk(const DomainDefinition& definition, const std::string& name) {
  const auto found = std::find_if(definition.disks.begin(), definition.disks.end(), [&](const Disk& disk) {
    return !name.empty() && (disk.target == name || disk.source == name);
  });
  if (found == definition.disks.end())
    base::fail(Code::InvalidArg, "invalid path: '", name, "' is no disk of domain '", definition.name, "'");
  return static_cast<std::size_t>(found - definition.disks.begin());
}

/// What the kernel holds it to.
IoTune in_force(const DomainSnapshot& domain, std::size_t disk) {
  const auto facts = container::read_limit_facts(*domain.live);
  const auto device = facts.devices.find(container::given_devices(*domain.live)[disk].source);
  if (device == facts.devices.end() || device->second.error) return {};
  IoTune tune;
  for (const auto& limits : domain.running->limits().block_devices) {
    if (limits.major != device->second.major || limits.minor != device->second.minor) continue;
    tune[domain_xml::kReadBytesSec] = limits.read_bytes_sec.value_or(0);
    tune[domain_xml::kWriteBytesSec] = limits.write_bytes_sec.value_or(0);
    tune[domain_xml::kReadIopsSec] = limits.read_iops_sec.value_or(0);
    tune[domain_xml::kWriteIopsSec] = limits.write_iops_sec.value_or(0);
  }
  return tune;
}

rpc::DomainGetBlockIoTuneRet answer(const Services& services, const rpc::DomainGetBlockIoTuneArgs& args) {
  require_flags(args.flags, kAffect | VIR_TYPED_PARAM_STRING_OKAY, "virDomainGetBlockIoTune");
  const auto domain = find_domain(services, args.dom)->snapshot();
  const bool config = asks_config(domain, args.flags & kAffect, "virDomainGetBlockIoTune");
  IoTune tune;
  if (args.nparams != 0 || args.disk) {  // how many there are is asked without a disk
    const auto& definition = config ? *domain.config : *domain.live;
    const std::size_t disk = require_disk(definition, args.disk.value_or(""));
    tune = config ? domain_xml::io_tune(definition.disks[disk]) : in_force(domain, disk);
  }
  Parameters parameters;
  for (const char* name : kTaken) parameters.push_back({name, std::uint64_t{tune[name]}});
  return limited<rpc::DomainGetBlockIoTuneRet>(std::move(parameters), args.nparams);
}

void require_possible(const Parameters& parameters) {
  std::vector<KnownParameter> known = {{VIR_DOMAIN_BLOCK_IOTUNE_GROUP_NAME, ParameterType::String}};
  for (const char* name : kTaken) known.push_back({name, ParameterType::Ullong});
  for (const char* name : kRefused) known.push_back({name, ParameterType::Ullong});
  require_known(parameters, known);
  for (const auto& parameter : parameters) {
    const bool taken =
        std::any_of(std::begin(kTaken), std::end(kTaken), [&](const char* name) { return parameter.field == name; });
    const auto* const value = std::get_if<std::uint64_t>(&parameter.value);
    if (!taken && !(value && *value == 0))
      base::fail(Code::ConfigUnsupported, "'", parameter.field,
                 "' is not supported: a container's disk has limits of bytes and operations per second, for reading "
                 "and for writing");
  }
}

void change(const Services& services, const rpc::DomainSetBlockIoTuneArgs& args) {
  require_flags(args.flags, kAffect, "virDomainSetBlockIoTune");
  const auto domain = find_domain(services, args.dom);
  require_possible(args.params);
  const auto edit = [&](DomainDefinition& definition) {
    Disk& disk = definition.disks[require_disk(definition, args.disk)];
    IoTune tune = domain_xml::io_tune(disk);
    for (const char* name : kTaken)
      if (const auto* value = find_parameter<std::uint64_t>(args.params, name)) tune[name] = *value;
    domain_xml::set_io_tune(disk, tune);
  };
  TunableEvent event{{{VIR_DOMAIN_TUNABLE_BLKDEV_DISK, args.disk}}};
  for (const auto& parameter : args.params)
    event.changed.push_back({"blkdeviotune." + parameter.field, parameter.value});
  domain->change(edit, args.flags, event);
}

}  // namespace

void add_io_tune_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::DomainSetBlockIoTune>(Run::Worker, [&](Call&, const auto& args) {
    change(services, args);
    return Nothing{};
  });
  table.on<proc::DomainGetBlockIoTune>(Run::Worker, [&](Call&, const auto& args) { return answer(services, args); });
}

}  // namespace driver
