#include "driver/recovery.hpp"

#include <libvirt/libvirt.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/second_try.hpp"
#include "driver/domain_registry.hpp"
#include "driver/filter_bindings.hpp"
#include "driver/network_ports.hpp"
#include "driver/outside_releases.hpp"
#include "driver/store.hpp"

namespace driver {
namespace {

constexpr std::chrono::milliseconds kLongestPause{10000};

/// For clients that have seen the domain shut off.
const LifecycleEvent kFound{VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED};

}  // namespace

void Recovery::begin() {
  for (const auto& name : services_.store.status_names()) try_domain(name, std::nullopt);
  try_again_later();
}

void Recovery::try_domain(const std::string& name, const std::optional<Event>& event) {
  std::optional<SavedStatus> saved;
  try {
    saved = base::with_second_try([&] { return services_.store.load_status(name); });
    if (saved) take_over(*saved, event);
  } catch (const base::Error& error) {
    const bool newer = error.code() == base::Code::OperationUnsupported;
    if (saved || newer || error.code() == base::Code::SystemError) return leave_alone(name, {error.message(), newer});
    base::log::error("cannot load the state of domain '{}': {}", name, error.message());
    services_.store.set_status_aside(name);
  } catch (const std::exception& error) {
    return leave_alone(name, {error.what()});
  }
  services_.store.let_go_of_status(name);
  const std::scoped_lock lock(mutex_);
  left_alone_.erase(name);
}

void Recovery::take_over(const SavedStatus& saved, const std::optional<Event>& event) {
  const auto domain = services_.registry.reserve(services_, saved.live.name, saved.live.uuid);
  if (domain->adopt(saved, event)) return;
  const std::scoped_lock lock(mutex_);
  ended_.insert(saved.live.uuid);
}

void Recovery::leave_alone(const std::string& name, Left left) {
  services_.store.keep_status(name, left.why);
  const std::scoped_lock lock(mutex_);
  auto& known = left_alone_[name];
  if (known.why != left.why)
    base::log::error("cannot take over domain '{}', its container is left alone: {}", name, left.why);
  known = std::move(left);
}

std::vector<std::string> Recovery::to_be_tried_again() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, left] : left_alone_)
    if (!left.for_good) names.push_back(name);
  return names;
}

/// On the loop.
void Recovery::try_again_later() {
  if (to_be_tried_again().empty()) return;
  timer_ = services_.loop.after(pause_, [this] { services_.run_on_worker([this] { try_again(); }); });
  pause_ = std::min(2 * pause_, kLongestPause);
}

/// On a worker.
void Recovery::try_again() {
  const auto names = to_be_tried_again();
  for (const auto& name : names) try_domain(name, kFound);
  services_.loop.post([this] { try_again_later(); });
  if (to_be_tried_again().size() < names.size()) drop_strays();
}

void Recovery::drop_strays() {
  services_.releases.retry();
  std::map<base::Uuid, Outside> by_owner;
  for (auto& [owner, port] : services_.network_ports.all()) by_owner[owner].ports.push_back(std::move(port));
  for (auto& [owner, end] : services_.filter_bindings.all()) by_owner[owner].guarded_ends.push_back(std::move(end));
  for (const auto& [owner, found] : by_owner) {
    const auto domain = services_.registry.find(owner);
    if (domain) {
      if (!is_left_alone(domain->name())) domain->drop_strays(found);
    } else if (has_ended(owner)) {
      services_.releases.release(found);
    }
  }
}

bool Recovery::is_left_alone(const std::string& name) const {
  const std::scoped_lock lock(mutex_);
  return left_alone_.contains(name);
}

bool Recovery::has_ended(const base::Uuid& domain) const {
  const std::scoped_lock lock(mutex_);
  return ended_.contains(domain);
}

}  // namespace driver
