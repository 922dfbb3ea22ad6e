#include "driver/event_hub.hpp"

#include <libvirt/libvirt.h>

#include <algorithm>

#include "base/error.hpp"
#include "driver/wire_values.hpp"
#include "rpc/protocol.hpp"

namespace driver {
namespace {

using base::Code;
using base::From;

constexpr int kLastLegacyEvent = VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED;

struct EventId {
  int operator()(const LifecycleEvent&) const { return VIR_DOMAIN_EVENT_ID_LIFECYCLE; }
  int operator()(const RebootEvent&) const { return VIR_DOMAIN_EVENT_ID_REBOOT; }
  int operator()(const MetadataChangeEvent&) const { return VIR_DOMAIN_EVENT_ID_METADATA_CHANGE; }
  int operator()(const DeviceAddedEvent&) const { return VIR_DOMAIN_EVENT_ID_DEVICE_ADDED; }
  int operator()(const DeviceRemovedEvent&) const { return VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED; }
  int operator()(const TunableEvent&) const { return VIR_DOMAIN_EVENT_ID_TUNABLE; }
  int operator()(const BalloonChangeEvent&) const { return VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE; }
};

template <typename Tag>
void send(rpc::Connection& connection, const typename Tag::Message& message) {
  rpc::Encoder body;
  rpc::encode(body, message);
  connection.send_event(Tag::kProgram, Tag::kNumber, std::move(body));
}

struct Delivery {
  rpc::Connection& connection;
  std::optional<int> callback_id;
  rpc::NonnullDomain domain;

  void operator()(const LifecycleEvent& event) const {
    const rpc::DomainEventLifecycleMsg message{domain, event.type, event.detail};
    if (callback_id)
      send<rpc::event::DomainEventCallbackLifecycle>(connection, {*callback_id, message});
    else
      send<rpc::event::DomainEventLifecycle>(connection, message);
  }
  void operator()(const RebootEvent&) const {
    const rpc::DomainEventRebootMsg message{domain};
    if (callback_id)
      send<rpc::event::DomainEventCallbackReboot>(connection, {*callback_id, message});
    else
      send<rpc::event::DomainEventReboot>(connection, message);
  }
  void operator()(const MetadataChangeEvent& event) const {  // never legacy: its id is above the legacy range
    const std::optional<std::string> uri = event.uri.empty() ? std::nullopt : std::optional(event.uri);
    send<rpc::event::DomainEventCallbackMetadataChange>(connection,
                                                        {callback_id.value_or(-1), domain, event.type, uri});
  }
  void operator()(const DeviceAddedEvent& event) const {  // never legacy either
    send<rpc::event::DomainEventCallbackDeviceAdded>(connection, {callback_id.value_or(-1), domain, event.alias});
  }
  void operator()(const DeviceRemovedEvent& event) const {
    const rpc::DomainEventDeviceRemovedMsg message{domain, event.alias};
    if (callback_id)
      send<rpc::event::DomainEventCallbackDeviceRemoved>(connection, {*callback_id, message});
    else
      send<rpc::event::DomainEventDeviceRemoved>(connection, message);
  }
  void operator()(const TunableEvent& event) const {  // never legacy either
    send<rpc::event::DomainEventCallbackTunable>(connection, {callback_id.value_or(-1), domain, event.changed});
  }
  void operator()(const BalloonChangeEvent& event) const {
    const rpc::DomainEventBalloonChangeMsg message{domain, event.kib};
    if (callback_id)
      send<rpc::event::DomainEventCallbackBalloonChange>(connection, {*callback_id, message});
    else
      send<rpc::event::DomainEventBalloonChange>(connection, message);
  }
};

void require_known_event(int event_id, int end) {
  if (event_id < 0 || event_id >= end)
    base::fail_from(From::Rpc, Code::InternalError, "unsupported event id ", event_id);
}

}  // namespace

int EventHub::subscribe(const std::shared_ptr<rpc::Connection>& connection, int event_id,
                        std::optional<base::Uuid> filter) {
  require_known_event(event_id, VIR_DOMAIN_EVENT_ID_LAST);
  const std::scoped_lock lock(mutex_);
  int next = 0;
  for (const auto& known : subscriptions_)
    if (known.connection_id == connection->id() && known.callback_id) next = std::max(next, *known.callback_id + 1);
  subscriptions_.push_back({next_number_++, connection, connection->id(), event_id, next, filter});
  return next;
}

void EventHub::subscribe_legacy(const std::shared_ptr<rpc::Connection>& connection, int event_id) {
  require_known_event(event_id, kLastLegacyEvent + 1);
  const std::scoped_lock lock(mutex_);
  for (const auto& known : subscriptions_)
    if (known.connection_id == connection->id() && !known.callback_id && known.event_id == event_id)
      base::fail_from(From::Rpc, Code::InternalError, "domain event ", event_id, " already registered");
  subscriptions_.push_back({next_number_++, connection, connection->id(), event_id, std::nullopt, std::nullopt});
}

template <typename Which>
bool EventHub::remove(rpc::Connection& connection, const Which& which) {
  {
    const std::scoped_lock lock(mutex_);
    if (std::erase_if(subscriptions_, [&](const Subscription& known) {
          return known.connection_id == connection.id() && which(known);
        }) == 0)
      return false;
  }
  connection.flush_events();
  return true;
}

void EventHub::unsubscribe(rpc::Connection& connection, int callback_id) {
  if (!remove(connection, [&](const Subscription& known) { return known.callback_id == callback_id; }))
    base::fail_from(From::Rpc, Code::InternalError, "domain event callback ", callback_id, " not registered");
}

void EventHub::unsubscribe_legacy(rpc::Connection& connection, int event_id) {
  if (!remove(connection, [&](const Subscription& known) { return !known.callback_id && known.event_id == event_id; }))
    base::fail_from(From::Rpc, Code::InternalError, "domain event ", event_id, " not registered");
}

void EventHub::connection_closed(const rpc::Connection& connection) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(subscriptions_, [&](const Subscription& known) { return known.connection_id == connection.id(); });
}

bool EventHub::is_there(std::uint64_t number) const {
  return std::any_of(subscriptions_.begin(), subscriptions_.end(),
                     [number](const Subscription& known) { return known.number == number; });
}

void EventHub::publish(const DomainIdentity& domain, const Event& event) {
  const int id = std::visit(EventId{}, event);
  const rpc::NonnullDomain wire = to_wire(domain);
  // Sending under the lock keeps the order of two events of one domain; send_event only queues.
  const std::scoped_lock lock(mutex_);
  for (const auto& subscription : subscriptions_) {
    if (subscription.event_id != id) continue;
    if (subscription.filter && *subscription.filter != domain.uuid) continue;
    const auto connection = subscription.connection.lock();
    if (!connection) continue;
    const auto send = [connection, event, callback_id = subscription.callback_id, wire] {
      std::visit(Delivery{*connection, callback_id, wire}, event);
    };
    const auto send_later = [this, number = subscription.number, send] {
      const std::scoped_lock again(mutex_);
      if (is_there(number)) send();
    };
    if (!ask_first || !ask_first(connection, domain, send_later)) send();
  }
}

}  // namespace driver
