#include "container/link_names.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/memory_reserve.hpp"
#include "netlink/link.hpp"

namespace container {
namespace {

constexpr std::string_view kPrefix = "vnet";
constexpr std::chrono::milliseconds kGrace{1000};  // a dying namespace takes its links along well within this

std::optional<unsigned> vnet_number(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  unsigned number = 0;
  const char* end = name.data() + name.size();
  const auto result = std::from_chars(name.data() + kPrefix.size(), end, number);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return number;
}

/// Only the very link that was retired: its name may belong to another by now.
void delete_if_same(netlink::Socket& socket, const std::string& name, int index) {
  if (netlink::find_link(socket, name) == index) netlink::delete_link(socket, name);
}

}  // namespace

LinkNames::~LinkNames() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (reaper_.joinable()) reaper_.join();
}

std::string LinkNames::next(netlink::Socket& socket) {
  const std::scoped_lock lock(mutex_);
  if (!counted_) {
    for (const auto& name : netlink::link_names(socket))
      if (const auto number = vnet_number(name)) next_ = std::max(next_, *number + 1);
    counted_ = true;
  }
  return std::string(kPrefix) + std::to_string(next_++);
}

void LinkNames::retire(const std::string& name, int index) {
  const std::scoped_lock lock(mutex_);
  retired_[name] = {index, std::chrono::steady_clock::now() + kGrace};
  if (!reaper_.joinable()) reaper_ = std::thread([this] { reap(); });
  changed_.notify_all();
}

bool LinkNames::finish_retiring(netlink::Socket& socket, const std::string& name) {
  int index = 0;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = retired_.find(name);
    if (found == retired_.end()) return false;
    index = found->second.index;
  }
  delete_if_same(socket, name, index);
  forget(name, index);
  return true;
}

void LinkNames::forget(const std::string& name, int index) {
  const std::scoped_lock lock(mutex_);
  const auto found = retired_.find(name);
  if (found != retired_.end() && found->second.index == index) retired_.erase(found);
}

void LinkNames::reap() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto first = std::min_element(retired_.begin(), retired_.end(),
                                        [](const auto& a, const auto& b) { return a.second.due < b.second.due; });
    if (first == retired_.end()) {
      changed_.wait(lock);
      continue;
    }
    const auto [name, retired] = *first;  // copied: others change the map while we wait
    if (retired.due > std::chrono::steady_clock::now()) {
      changed_.wait_until(lock, retired.due);
      continue;
    }
    lock.unlock();
    base::insist([&, link = name, index = retired.index] {
      try {
        netlink::Socket socket;
        delete_if_same(socket, link, index);
      } catch (const base::Error& error) {
        base::log::warning("network device '{}' stays behind: {}", link, error.message());
      }
    });
    forget(name, retired.index);  // only now: a start that needs the name meanwhile must find it here
    lock.lock();
  }
}

}  // namespace container
