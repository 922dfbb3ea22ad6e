// Registering for domain events, both styles (the reply is queued on the loop thread before any event for it can be
// sent).
#include <libvirt/libvirt.h>

#include "driver/calls.hpp"
#include "driver/wire_values.hpp"

namespace driver {

using rpc::Call;
using rpc::Nothing;
using rpc::Run;
namespace proc = rpc::proc;

void add_event_calls(rpc::ProcedureTable& table, Services& services, EventHub& events) {
  table.on<proc::ConnectDomainEventCallbackRegisterAny>(Run::Inline, [&](Call& call, const auto& args) {
    std::optional<base::Uuid> filter;
    if (args.dom) filter = find_domain(services, *args.dom)->uuid();
    return rpc::ConnectDomainEventCallbackRegisterAnyRet{events.subscribe(call.connection, args.eventID, filter)};
  });
  table.on<proc::ConnectDomainEventCallbackDeregisterAny>(Run::Inline, [&](Call& call, const auto& args) {
    events.unsubscribe(*call.connection, args.callbackID);
    return Nothing{};
  });
  table.on<proc::ConnectDomainEventRegister>(Run::Inline, [&](Call& call, const auto&) {
    events.subscribe_legacy(call.connection, VIR_DOMAIN_EVENT_ID_LIFECYCLE);
    return rpc::ConnectDomainEventRegisterRet{1};
  });
  table.on<proc::ConnectDomainEventDeregister>(Run::Inline, [&](Call& call, const auto&) {
    events.unsubscribe_legacy(*call.connection, VIR_DOMAIN_EVENT_ID_LIFECYCLE);
    return rpc::ConnectDomainEventDeregisterRet{0};
  });
  table.on<proc::ConnectDomainEventRegisterAny>(Run::Inline, [&](Call& call, const auto& args) {
    events.subscribe_legacy(call.connection, args.eventID);
    return Nothing{};
  });
  table.on<proc::ConnectDomainEventDeregisterAny>(Run::Inline, [&](Call& call, const auto& args) {
    events.unsubscribe_legacy(*call.connection, args.eventID);
    return Nothing{};
  });
}

}  // namespace driver
