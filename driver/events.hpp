// What can happen to a domain, as libvirt's events say it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/uuid.hpp"
#include "rpc/protocol.hpp"

namespace driver {

/// How a domain is named on the wire; id is -1 while it is shut off.
struct DomainIdentity {
  std::string name;
  base::Uuid uuid;
  int id = -1;
  bool operator==(const DomainIdentity&) const = default;
};

struct LifecycleEvent {
  int type = 0;    // virDomainEventType
  int detail = 0;  // that type's own detail enumeration
  bool operator==(const LifecycleEvent&) const = default;
};
struct RebootEvent {
  bool operator==(const RebootEvent&) const = default;
};
struct MetadataChangeEvent {
  int type = 0;  // virDomainMetadataType
  std::string uri;
  bool operator==(const MetadataChangeEvent&) const = default;
};

/// A running domain has gained or lost the device with this alias.
struct DeviceAddedEvent {
  std::string alias;
  bool operator==(const DeviceAddedEvent&) const = default;
};
struct DeviceRemovedEvent {
  std::string alias;
  bool operator==(const DeviceRemovedEvent&) const = default;
};

/// What a running domain may use has changed: names are VIR_DOMAIN_TUNABLE_*.
struct TunableEvent {
  std::vector<rpc::TypedParam> changed;
  bool operator==(const TunableEvent&) const = default;
};
/// The memory a running domain may use now.
struct BalloonChangeEvent {
  std::uint64_t kib = 0;
  bool operator==(const BalloonChangeEvent&) const = default;
};

using Event = std::variant<LifecycleEvent, RebootEvent, MetadataChangeEvent, DeviceAddedEvent, DeviceRemovedEvent,
                           TunableEvent, BalloonChangeEvent>;

/// Whether it is about what runs only, never about the next boot.
inline bool tells_of_running(const Event& event) {
  return std::holds_alternative<TunableEvent>(event) || std::holds_alternative<BalloonChangeEvent>(event);
}

/// Receives every event in the order it happened to its domain. Any thread.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void publish(const DomainIdentity& domain, const Event& event) = 0;
};

}  // namespace driver
