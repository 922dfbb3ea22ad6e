#include "support/events.hpp"

#include <libvirt/virterror.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "support/domain_xml.hpp"
#include "support/handles.hpp"
#include "support/host.hpp"
#include "support/result.hpp"
#include "support/scratch.hpp"

namespace support {

void start_event_loop() {
  if (virEventRegisterDefaultImpl() < 0) throw std::runtime_error("virEventRegisterDefaultImpl failed");
  // The loop needs one timer of its own, or a run without watches would never return to see new ones.
  virEventAddTimeout(
      1000, [](int, void*) {}, nullptr, nullptr);
  std::thread([] {
    while (virEventRunDefaultImpl() >= 0) {
    }
  }).detach();
}

struct EventCollector::State {
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<Event> events;

  void add(Event event, virDomainPtr domain) {
    event.name = virDomainGetName(domain);
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    virDomainGetUUIDString(domain, uuid);
    event.uuid = uuid;
    event.id = static_cast<int>(virDomainGetID(domain));
    const std::lock_guard lock(mutex);
    events.push_back(std::move(event));
    changed.notify_all();
  }
};

namespace {

const char* lifecycle_name(int type) {
  static const char* const names[] = {"DEFINED", "UNDEFINED", "STARTED",     "SUSPENDED", "RESUMED",
                                      "STOPPED", "SHUTDOWN",  "PMSUSPENDED", "CRASHED"};
  return type >= 0 && type < 9 ? names[type] : "UNKNOWN";
}

}  // namespace

std::string describe(const Event& event) {
  switch (event.kind) {
    case Event::Kind::Reboot:
      return "REBOOT";
    case Event::Kind::Metadata:
      return "METADATA/" + std::to_string(event.type);
    case Event::Kind::Lifecycle:
      break;
  }
  return std::string(lifecycle_name(event.type)) + "/" + std::to_string(event.detail);
}

EventCollector::EventCollector(virConnectPtr connection, virDomainPtr domain)
    : state_(std::make_shared<State>()), connection_(connection) {
  using Shared = std::shared_ptr<State>;
  const auto drop = [](void* opaque) { delete static_cast<Shared*>(opaque); };
  const auto subscribe = [&](int event, virConnectDomainEventGenericCallback call) {
    const int id = virConnectDomainEventRegisterAny(connection, domain, event, call, new Shared(state_), drop);
    if (id < 0)
      throw std::runtime_error("cannot subscribe to event " + std::to_string(event) + ": " + last_failure().message);
    callbacks_.push_back(id);
  };
  const virConnectDomainEventCallback lifecycle = [](virConnectPtr, virDomainPtr dom, int type, int detail,
                                                     void* opaque) {
    (*static_cast<Shared*>(opaque))->add({Event::Kind::Lifecycle, "", "", 0, type, detail, ""}, dom);
    return 0;
  };
  const virConnectDomainEventGenericCallback reboot = [](virConnectPtr, virDomainPtr dom, void* opaque) {
    (*static_cast<Shared*>(opaque))->add({Event::Kind::Reboot, "", "", 0, 0, 0, ""}, dom);
  };
  const virConnectDomainEventMetadataChangeCallback metadata = [](virConnectPtr, virDomainPtr dom, int type,
                                                                  const char* uri, void* opaque) {
    (*static_cast<Shared*>(opaque))->add({Event::Kind::Metadata, "", "", 0, type, 0, uri ? uri : ""}, dom);
  };
  subscribe(VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(lifecycle));
  subscribe(VIR_DOMAIN_EVENT_ID_REBOOT, reboot);
  subscribe(VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(metadata));
}

EventCollector::~EventCollector() {
  for (const int id : callbacks_) virConnectDomainEventDeregisterAny(connection_, id);
}

std::vector<Event> EventCollector::events(const std::string& name) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Event> chosen;
  for (const auto& event : state_->events) {
    if (name.empty() || event.name == name) chosen.push_back(event);
  }
  return chosen;
}

std::string EventCollector::story(const std::string& name) const {
  std::string text;
  const Event* last = nullptr;
  const auto chosen = events(name);
  const auto is_stop = [](const Event& event) {
    return event.kind == Event::Kind::Lifecycle && event.type == VIR_DOMAIN_EVENT_STOPPED;
  };
  for (const auto& event : chosen) {
    if (host().is_stock() && last && last->name == event.name && is_stop(*last) && is_stop(event)) {
      // Stock may send two for one destroy, in either order (D5); the one that says why counts.
      const std::string before = describe(*last);
      if (last->detail == VIR_DOMAIN_EVENT_STOPPED_FAILED)
        text.replace(text.rfind(before), before.size(), describe(event));
    } else {
      text += (text.empty() ? "" : " ") + describe(event);
    }
    last = &event;
  }
  return text;
}

bool EventCollector::wait_for_story(const std::string& name, const std::string& expected, Milliseconds limit) const {
  const auto end = Clock::now() + limit;
  for (;;) {
    std::size_t count = 0;
    {
      const std::lock_guard lock(state_->mutex);
      count = state_->events.size();
    }
    const std::string seen = story(name);
    if (seen == expected) return true;
    if (seen.size() > expected.size()) return false;
    std::unique_lock lock(state_->mutex);
    if (!state_->changed.wait_until(lock, end, [&] { return state_->events.size() != count; })) return false;
  }
}

bool EventCollector::wait_for(const std::function<bool(const Event&)>& matches, Milliseconds limit) const {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, limit, [&] {
    for (const auto& event : state_->events) {
      if (matches(event)) return true;
    }
    return false;
  });
}

bool EventCollector::drain() {
  static std::atomic<int> counter{0};
  DomainXml last;
  last.name = own_name("drain" + std::to_string(++counter));
  Domain domain(virDomainDefineXML(connection_, last.text().c_str()));
  if (!domain || virDomainUndefine(domain) < 0) return false;
  return wait_for(
      [&](const Event& event) { return event.name == last.name && event.type == VIR_DOMAIN_EVENT_UNDEFINED; });
}

void EventCollector::clear() {
  const std::lock_guard lock(state_->mutex);
  state_->events.clear();
}

}  // namespace support
