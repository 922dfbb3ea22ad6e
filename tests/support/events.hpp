// The client side of domain events: one libvirt event loop thread for the whole program, and a collector per connection
// that keeps what arrived in order.
#pragma once

#include <libvirt/libvirt.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "support/deadline.hpp"

namespace support {

/// Starts the loop thread; before any connection is opened.
void start_event_loop();

struct Event {
  enum class Kind { Lifecycle, Reboot, Metadata };
  Kind kind = Kind::Lifecycle;
  std::string name;
  std::string uuid;
  int id = 0;        // of the domain, as the event carried it
  int type = 0;      // lifecycle: virDomainEventType; metadata: virDomainMetadataType
  int detail = 0;    // lifecycle only
  std::string text;  // metadata: the namespace URI
};
/// "STOPPED/1" or "REBOOT".
std::string describe(const Event& event);

class EventCollector {
 public:
  /// Events of one domain, or of all.
  explicit EventCollector(virConnectPtr connection, virDomainPtr domain = nullptr);
  EventCollector(const EventCollector&) = delete;
  EventCollector& operator=(const EventCollector&) = delete;
  ~EventCollector();

  /// All so far, of the domain named `name` unless that is empty.
  std::vector<Event> events(const std::string& name = "") const;
  /// "STARTED/0 STOPPED/1": what describe() says of each.
  std::string story(const std::string& name = "") const;
  /// Waits until story(name) is `expected`; false when it has become longer, or when `limit` passed.
  bool wait_for_story(const std::string& name, const std::string& expected, Milliseconds limit = patience()) const;
  bool wait_for(const std::function<bool(const Event&)>& matches, Milliseconds limit = patience()) const;
  /// Waits until everything the daemon had published before this call has arrived: defines and undefines a domain,
  /// whose events come last.
  bool drain();
  void clear();

 private:
  struct State;
  std::shared_ptr<State> state_;
  virConnectPtr connection_;
  std::vector<int> callbacks_;
};

}  // namespace support
