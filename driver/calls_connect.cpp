// Calls about the connection and what this driver can do.
#include <libvirt/libvirt.h>
#include <unistd.h>

#include <climits>

#include "base/error.hpp"
#include "domain-xml/domain_capabilities.hpp"
#include "driver/access.hpp"
#include "driver/calls.hpp"
#include "driver/domain_registry.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

// The feature numbers of SUPPORTS_FEATURE that we answer with yes (the wire's own numbering, not in a public header).
enum Feature {
  kFdPassing = 8,
  kTypedParamString = 9,
  kKeepalive = 10,
  kEventCallback = 14,
  kCloseCallback = 15,
  kNetworkUpdateOrder = 16,
};

bool supports(int feature) {
  return feature == kFdPassing || feature == kTypedParamString || feature == kKeepalive || feature == kEventCallback ||
         feature == kCloseCallback || feature == kNetworkUpdateOrder;
}

/// "lxcell:///system" and its short forms; an empty name asks for the default.
void require_our_uri(const std::string& uri, const std::string& driver_name) {
  if (uri.empty()) return;
  const auto colon = uri.find(':');
  const std::string scheme = uri.substr(0, colon);
  if (scheme != driver_name && scheme != "lxcell" && scheme != "lxc")
    base::fail_from(base::From::None, Code::NoConnect, "'", uri, "'");
  std::string path = colon == std::string::npos ? "" : uri.substr(colon + 1);
  if (path.starts_with("//")) {
    const auto slash = path.find('/', 2);
    path = slash == std::string::npos ? "" : path.substr(slash);
  }
  path = path.substr(0, path.find('?'));
  if (!path.empty() && path != "/" && path != "/system")
    base::fail(Code::InternalError, "unexpected URI path '", path, "', try ", driver_name, ":///system");
}

std::string hostname() {
  char name[HOST_NAME_MAX + 1] = {};
  if (::gethostname(name, sizeof name - 1) < 0) base::fail_errno(Code::SystemError, "cannot read the host's name");
  return name;
}

/// What the end of a client ends with it: its event registrations, and the domains it started with AUTODESTROY.
void watch_for_end(Services& services, EventHub& events, rpc::Connection& connection) {
  connection.on_closed = [&services, &events, &connection, id = connection.id()] {
    events.connection_closed(connection);
    services.run_on_worker([&services, id] {
      for (const auto& domain : services.registry.all()) domain->destroy_if_owned_by(id);
    });
  };
}

}  // namespace

void add_connect_calls(rpc::ProcedureTable& table, Services& services, const HostAnswers& host, EventHub& events) {
  table.on<proc::AuthList>(Run::Inline, [](Call& call, const auto&) {
    return rpc::AuthListRet{{Access::authentication_of(*call.connection)}};
  });
  table.on<proc::AuthPolkit>(Run::Inline, [](Call& call, const auto&) {
    Access::authenticate(*call.connection);
    return rpc::AuthPolkitRet{1};
  });
  table.on<proc::ConnectSetIdentity>(Run::Inline, [](Call& call, const auto& args) {
    require_flags(args.flags, 0, "virConnectSetIdentity");
    Access::speak_for(*call.connection, args.params);
    return Nothing{};
  });
  table.on<proc::ConnectSupportsFeature>(Run::Inline, [](Call& call, const auto& args) {
    if (args.feature == kKeepalive) call.connection->start_keepalive();
    return rpc::ConnectSupportsFeatureRet{supports(args.feature)};
  });
  table.on<proc::ConnectOpen>(Run::Inline, [&services, &events, host](Call& call, const auto& args) {
    require_our_uri(args.name.value_or(""), host.driver_name);
    call.connection->mark_open((args.flags & VIR_CONNECT_RO) != 0);
    watch_for_end(services, events, *call.connection);
    return Nothing{};
  });
  table.on<proc::ConnectGetUri>(
      Run::Inline, [host](Call&, const auto&) { return rpc::ConnectGetUriRet{host.driver_name + ":///system"}; });
  table.on<proc::ConnectGetType>(
      Run::Inline, [&services](Call&, const auto&) { return rpc::ConnectGetTypeRet{services.backend.type()}; });
  table.on<proc::ConnectGetVersion>(
      Run::Inline, [&services](Call&, const auto&) { return rpc::ConnectGetVersionRet{services.backend.version()}; });
  table.on<proc::ConnectGetLibVersion>(
      Run::Inline, [](Call&, const auto&) { return rpc::ConnectGetLibVersionRet{LIBVIR_VERSION_NUMBER}; });
  table.on<proc::ConnectGetHostname>(Run::Inline,
                                     [](Call&, const auto&) { return rpc::ConnectGetHostnameRet{hostname()}; });
  table.on<proc::ConnectIsSecure>(Run::Inline, [](Call&, const auto&) { return rpc::ConnectIsSecureRet{1}; });
  table.on<proc::ConnectGetCapabilities>(Run::Worker, [&services](Call&, const auto&) {
    return rpc::ConnectGetCapabilitiesRet{domain_xml::format_capabilities(services.backend.capabilities())};
  });
  table.on<proc::ConnectGetDomainCapabilities>(Run::Worker, [&services](Call&, const auto& args) {
    require_flags(args.flags, 0, "virConnectGetDomainCapabilities");
    const auto facts = services.backend.capabilities();
    return rpc::ConnectGetDomainCapabilitiesRet{domain_xml::format_domain_capabilities(
        {args.emulatorbin.value_or(""), args.arch.value_or(""), args.machine.value_or(""), args.virttype.value_or("")},
        {facts.arch, facts.emulator, static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_CONF))})};
  });
  table.on<proc::ConnectGetMaxVcpus>(Run::Inline, [](Call&, const auto& args) {
    if (args.type && *args.type != "lxc") base::fail(Code::InvalidArg, "unknown domain type '", *args.type, "'");
    return rpc::ConnectGetMaxVcpusRet{static_cast<std::int32_t>(::sysconf(_SC_NPROCESSORS_CONF))};
  });
  table.on<proc::NodeGetSecurityModel>(Run::Inline, [&services](Call&, const auto&) {
    return rpc::NodeGetSecurityModelRet{services.defaults.security_model + '\0', std::string("0\0", 2)};
  });
  // Nothing to do but say yes: this daemon has no upstream connection that could close.
  table.on<proc::ConnectRegisterCloseCallback>(Run::Inline, [](Call&, const auto&) { return Nothing{}; });
  table.on<proc::ConnectUnregisterCloseCallback>(Run::Inline, [](Call&, const auto&) { return Nothing{}; });
}

}  // namespace driver
