// setmem and setmaxmem. What a container may use now is its current memory; its maximum bounds that.
#include <libvirt/libvirt.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "driver/calls.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using domain_xml::DomainDefinition;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

void set_maximum(Domain& domain, std::uint64_t kib, std::uint32_t flags) {
  if (require_affected(domain.snapshot(), flags).live)
    base::fail(Code::OperationInvalid, "cannot change the maximum memory of running domain '", domain.name(), "'");
  domain.change(
      [&](DomainDefinition& definition) {
        definition.memory_kib = kib;
        definition.current_memory_kib = std::min(definition.current_memory_kib, kib);
      },
      VIR_DOMAIN_AFFECT_CONFIG);
}

/// A hard limit given by memtune goes with it, as both are one limit in the kernel.
void set_current(Domain& domain, std::uint64_t kib, std::uint32_t flags) {
  const auto edit = [&](DomainDefinition& definition) {
    if (kib > definition.memory_kib)
      base::fail(Code::InvalidArg, "cannot set memory of domain '", domain.name(), "' to ", kib,
                 " KiB, more than its maximum of ", definition.memory_kib, " KiB");
    definition.current_memory_kib = kib;
    if (definition.memory_tune.hard_limit_kib) definition.memory_tune.hard_limit_kib = kib;
  };
  try {
    domain.change(edit, flags, BalloonChangeEvent{kib});
  } catch (const base::Error& error) {
    if (error.system_errno() != EBUSY) throw;
    base::fail(Code::OperationFailed, "domain '", domain.name(), "' uses more than ", kib,
               " KiB, and the kernel cannot take it back");
  }
}

void set_memory(const Services& services, const rpc::NonnullDomain& who, std::uint64_t kib, std::uint32_t flags) {
  require_flags(flags, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG | VIR_DOMAIN_MEM_MAXIMUM,
                "virDomainSetMemoryFlags");
  if (kib == 0) base::fail(Code::InvalidArg, "memory of domain '", who.name, "' must not be 0");
  const auto domain = find_domain(services, who);
  const std::uint32_t where = flags & (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG);
  flags& VIR_DOMAIN_MEM_MAXIMUM ? set_maximum(*domain, kib, where) : set_current(*domain, kib, where);
}

}  // namespace

void add_memory_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::DomainSetMaxMemory>(Run::Worker, [&](Call&, const auto& args) {
    set_memory(services, args.dom, args.memory, VIR_DOMAIN_MEM_MAXIMUM);
    return Nothing{};
  });
  table.on<proc::DomainSetMemory>(Run::Worker, [&](Call&, const auto& args) {
    set_memory(services, args.dom, args.memory, VIR_DOMAIN_AFFECT_LIVE);
    return Nothing{};
  });
  table.on<proc::DomainSetMemoryFlags>(Run::Worker, [&](Call&, const auto& args) {
    set_memory(services, args.dom, args.memory, args.flags);
    return Nothing{};
  });
}

}  // namespace driver
