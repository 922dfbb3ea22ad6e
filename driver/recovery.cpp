#include "driver/recovery.hpp"

#include <libvirt/libvirt.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/second_try.hpp"
#include "driver/device_edits.hpp"
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
  try {
    if (const auto saved = load(name)) take_over(*saved, event);
  } catch (const base::Error& error) {
    return leave_alone(name, {error.message(), error.code() == base::Code::OperationUnsupported});
  } catch (const std::exception& error) {
    return leave_alone(name, {error.what()});
  }
  services_.store.let_go_of_status(name);
  const std::scoped_lock lock(mutex_);
  left_alone_.erase(name);
}

/// nullopt: there is no container.
std::optional<SavedStatus> Recovery::load(const std::string& name) {
  auto& store = services_.store;
  try {
    if (auto saved = base::with_second_try([&] { return store.load_status(name); })) return saved;
  } catch (const base::Error& error) {
    if (error.code() == base::Code::SystemError || error.code() == base::Code::OperationUnsupported) throw;
    base::log::error("cannot load the state of domain '{}': {}", name, error.message());
    store.set_status_aside(name);
  }
  auto saved = reconstruct(name);
  if (saved) store.restore_status(*saved);
  return saved;
}

/// What the state file said before it was damaged, as far as the container itself and the domain's definition know it.
std::optional<SavedStatus> Recovery::reconstruct(const std::string& name) {
  auto definition = services_.store.definition_set_aside(name);
  const bool as_it_ran = definition.has_value();
  if (const auto domain = as_it_ran ? nullptr : services_.registry.find(name))
    if (const auto config = domain->snapshot().config) definition = *config;
  domain_xml::DomainDefinition only_named;
  only_named.name = name;
  auto found = services_.backend.find_lost(definition.value_or(only_named));
  if (!found) return std::nullopt;
  if (!definition)
    base::fail(base::Code::OperationFailed, "its state file is damaged and it has no definition: define it as it was (",
               found->facts.cgroup_leaf, "), or end it by \"kill -KILL ", found->facts.init_pid, ' ',
               found->facts.supervisor_pid, '"');
  assign_aliases(found->live);
  base::log::warning("domain '{}': found by asking supervisor {}, as its state file is damaged{}", name,
                     found->facts.supervisor_pid,
                     as_it_ran ? "" : ": what is said of it is its next start's definition");
  if (!as_it_ran) {
    const std::scoped_lock lock(mutex_);
    unsure_.insert(name);
  }
  return SavedStatus{.status = {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNKNOWN},
                     .froze = true,
                     .facts = std::move(found->facts),
                     .live = std::move(found->live)};
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
      if (may_have_strays(domain->name())) domain->drop_strays(found);
    } else if (has_ended(owner)) {
      services_.releases.release(found);
    }
  }
}

/// Not where a container has what its domain does not know of.
bool Recovery::may_have_strays(const std::string& name) const {
  const std::scoped_lock lock(mutex_);
  return !left_alone_.contains(name) && !unsure_.contains(name);
}

bool Recovery::has_ended(const base::Uuid& domain) const {
  const std::scoped_lock lock(mutex_);
  return ended_.contains(domain);
}

}  // namespace driver
