#include "driver/outside_releases.hpp"

#include <unistd.h>

#include <sstream>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/second_try.hpp"

namespace driver {
namespace {

template <typename Item, typename Remove>
std::vector<Item> remaining(const std::vector<Item>& items, const char* what, Remove remove) noexcept {
  std::vector<Item> rest;
  for (const Item& item : items) {
    try {
      remove(item);
    } catch (const std::exception& error) {
      base::log::warning("{} stays for now: {}", what, error.what());
      rest.push_back(item);
    }
  }
  return rest;
}

template <typename Item>
void append(std::vector<Item>& to, const std::vector<Item>& items) {
  to.insert(to.end(), items.begin(), items.end());
}

}  // namespace

std::string format_outside(const Outside& outside) {
  std::string text;
  for (const NetworkPort& port : outside.ports) text += "port " + port.id + " " + port.network + "\n";
  for (const std::string& end : outside.guarded_ends) text += "guard " + end + "\n";
  return text;
}

Outside parse_outside(const std::string& text) {
  Outside outside;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string kind, name;
    words >> kind >> name >> std::ws;
    if (kind == "guard" && !name.empty()) outside.guarded_ends.push_back(name);
    std::string network;
    if (kind == "port" && std::getline(words, network)) outside.ports.push_back({network, name});
  }
  return outside;
}

OutsideReleases::OutsideReleases(NetworkPorts& ports, FilterBindings& bindings, std::string file)
    : ports_(ports), bindings_(bindings), file_(std::move(file)) {
  if (const auto text = base::with_second_try([this] { return base::read_file_if_any(file_); }))
    pending_ = parse_outside(*text);
}

Outside OutsideReleases::end(const Outside& outside) noexcept {
  Outside rest;
  rest.guarded_ends = remaining(outside.guarded_ends, "the filter of a link that has gone",
                                [&](const std::string& end) { bindings_.remove(end); });
  rest.ports = remaining(outside.ports, "a port of a container that has ended",
                         [&](const NetworkPort& port) { ports_.remove(port); });
  return rest;
}

void OutsideReleases::keep(const Outside& rest) noexcept {
  append(pending_.ports, rest.ports);
  append(pending_.guarded_ends, rest.guarded_ends);
  if (pending_.ports.empty() && pending_.guarded_ends.empty()) {
    ::unlink(file_.c_str());
    return;
  }
  try {
    base::replace_file(file_, format_outside(pending_), 0600);
  } catch (const std::exception& error) {
    base::log::warning("what is still to be ended is not on disk: {}", error.what());
  }
}

void OutsideReleases::release(const Outside& outside) noexcept {
  const Outside rest = end(outside);
  if (rest.ports.empty() && rest.guarded_ends.empty()) return;
  const std::scoped_lock lock(mutex_);
  keep(rest);
}

/// The lock is held while others are asked: see the header.
void OutsideReleases::retry() noexcept {
  const std::scoped_lock lock(mutex_);
  if (pending_.ports.empty() && pending_.guarded_ends.empty()) return;
  keep(end(std::exchange(pending_, {})));
}

}  // namespace driver
