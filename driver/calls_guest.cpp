// What QEMU's driver asks an agent in the guest for: here the container's own files and namespaces answer, and the
// clock is the host's.
#include <libvirt/libvirt.h>

#include <ctime>

#include "base/error.hpp"
#include "driver/calls.hpp"
#include "driver/guest_info.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

DomainSnapshot require_running(const Services& services, const rpc::NonnullDomain& wanted) {
  auto domain = find_domain(services, wanted)->snapshot();
  if (!domain.running) base::fail(Code::OperationInvalid, "domain '", domain.identity.name, "' is not running");
  return domain;
}

rpc::DomainGetTimeRet time_of(const Services& services, const rpc::DomainGetTimeArgs& args) {
  require_flags(args.flags, 0, "virDomainGetTime");
  require_running(services, args.dom);
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return {now.tv_sec, static_cast<std::uint32_t>(now.tv_nsec)};
}

/// In step with the host's clock is what a container's always is. time_namespaces(7) have none of their own.
void set_time(const Services& services, const rpc::DomainSetTimeArgs& args) {
  require_flags(args.flags, VIR_DOMAIN_TIME_SYNC, "virDomainSetTime");
  const auto domain = require_running(services, args.dom);
  if (args.flags & VIR_DOMAIN_TIME_SYNC) return;
  base::fail(Code::OperationUnsupported, "domain '", domain.identity.name,
             "' has the host's clock, which is set on the host");
}

rpc::DomainGetFsinfoRet file_systems(const Services& services, const rpc::DomainGetFsinfoArgs& args) {
  require_flags(args.flags, 0, "virDomainGetFSInfo");
  constexpr std::size_t kMost = 256;  // the wire's bound
  rpc::DomainGetFsinfoRet answer;
  for (auto& mount : require_running(services, args.dom).running->file_systems())
    if (answer.info.size() < kMost)
      answer.info.push_back({std::move(mount.mount_point), std::move(mount.source), std::move(mount.type), {}});
  answer.ret = static_cast<std::uint32_t>(answer.info.size());
  return answer;
}

void set_password(const Services& services, const rpc::DomainSetUserPasswordArgs& args) {
  require_flags(args.flags, VIR_DOMAIN_PASSWORD_ENCRYPTED, "virDomainSetUserPassword");
  if (!args.user || args.user->empty()) base::fail(Code::InvalidArg, "the user's name must not be empty");
  if (!args.password) base::fail(Code::InvalidArg, "there is no password");
  const bool hashed = (args.flags & VIR_DOMAIN_PASSWORD_ENCRYPTED) != 0;
  // Both become fields of a line of shadow(5).
  if (args.user->find_first_of(":\n") != std::string::npos)
    base::fail(Code::InvalidArg, "a user's name has no ':' and no newline");
  if (hashed && args.password->find_first_of(":\n") != std::string::npos)
    base::fail(Code::InvalidArg, "an encrypted password has no ':' and no newline");
  const auto domain = require_running(services, args.dom);
  domain.running->set_password(*args.user, hashed ? *args.password : container::hash_password(*args.password));
}

std::int32_t freeze(const Services& services, const rpc::DomainFsfreezeArgs& args) {
  require_flags(args.flags, 0, "virDomainFSFreeze");
  return static_cast<std::int32_t>(find_domain(services, args.dom)->freeze_file_systems(args.mountpoints));
}

std::int32_t thaw(const Services& services, const rpc::DomainFsthawArgs& args) {
  require_flags(args.flags, 0, "virDomainFSThaw");
  return static_cast<std::int32_t>(require_running(services, args.dom).running->thaw_file_systems(args.mountpoints));
}

void trim(const Services& services, const rpc::DomainFstrimArgs& args) {
  require_flags(args.flags, 0, "virDomainFSTrim");
  std::vector<std::string> paths;
  if (args.mountPoint) paths.push_back(*args.mountPoint);
  require_running(services, args.dom).running->trim_file_systems(paths, args.minimum);
}

}  // namespace

void add_guest_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::DomainGetTime>(Run::Inline, [&](Call&, const auto& args) { return time_of(services, args); });
  table.on<proc::DomainSetTime>(Run::Inline, [&](Call&, const auto& args) {
    set_time(services, args);
    return Nothing{};
  });
  table.on<proc::DomainGetGuestInfo>(Run::Worker, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virDomainGetGuestInfo");
    return rpc::DomainGetGuestInfoRet{guest_info(find_domain(services, args.dom)->snapshot(), args.types)};
  });
  table.on<proc::DomainGetFsinfo>(Run::Worker, [&](Call&, const auto& args) { return file_systems(services, args); });
  table.on<proc::DomainFsfreeze>(
      Run::Worker, [&](Call&, const auto& args) { return rpc::DomainFsfreezeRet{freeze(services, args)}; });
  table.on<proc::DomainFsthaw>(Run::Worker,
                               [&](Call&, const auto& args) { return rpc::DomainFsthawRet{thaw(services, args)}; });
  table.on<proc::DomainFstrim>(Run::Worker, [&](Call&, const auto& args) {
    trim(services, args);
    return Nothing{};
  });
  table.on<proc::DomainSetUserPassword>(Run::Worker, [&](Call&, const auto& args) {
    set_password(services, args);
    return Nothing{};
  });
}

}  // namespace driver
