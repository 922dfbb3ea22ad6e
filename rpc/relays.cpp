#include "rpc/relays.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.hpp"

namespace rpc {
namespace {

constexpr std::chrono::seconds kRetryPause{1};

}  // namespace

Relays::Upstreams::iterator Relays::open(const RelayRoute& route) {
  base::Fd socket = route.connect(owner_->read_only());
  if (!socket) return relays_.end();
  auto relay = std::make_unique<Relay>(client_, events_[&route], std::move(socket), route.uri, owner_->subject(),
                                       owner_->read_only());
  return relays_.emplace(&route, Upstream{std::move(relay), {}}).first;
}

bool Relays::forward(const RelayRoute& route, const Connection& client, const PacketHeader& call, bool opens_stream,
                     std::string_view payload) {
  auto found = relays_.find(&route);
  if (found != relays_.end() && found->second.relay->over()) {
    relays_.erase(found);
    found = relays_.end();
  }
  owner_ = &client;
  if (found == relays_.end()) found = open(route);
  if (found == relays_.end()) return false;
  found->second.relay->forward(call, opens_stream, payload);
  return true;
}

bool Relays::take_stream_packet(const Packet& packet) {
  return std::ranges::any_of(relays_, [&](auto& entry) { return entry.second.relay->take_stream_packet(packet); });
}

void Relays::settle() {
  for (auto& [route, upstream] : relays_) upstream.relay->settle();
  std::erase_if(relays_, [](const auto& entry) { return entry.second.relay->over(); });
  if (!lacks_events()) retry_ = {};
  if (lacks_events() && !retry_)
    retry_ = loop_.after(kRetryPause, [this] {
      in_turn_([this] {
        retry_ = {};
        reopen();
      });
    });
}

bool Relays::lacks_events() const {
  return std::ranges::any_of(
      events_, [&](const auto& entry) { return !entry.second.empty() && !relays_.contains(entry.first); });
}

void Relays::reopen() {
  for (const auto& [route, events] : events_) {
    if (events.empty() || relays_.contains(route)) continue;
    try {
      open(*route);
    } catch (const base::Error& error) {
      base::log::info("events of '{}' are still missing: {}", route->uri, error.message());
    }
  }
}

void Relays::clear() {
  retry_ = {};
  relays_.clear();
  events_.clear();
}

void Relays::update_watches() {
  for (auto& [route, upstream] : relays_) update_watch(upstream);
}

// No watch at all rather than one for nothing: hang-ups are reported to any, again and again.
void Relays::update_watch(Upstream& upstream) {
  const std::uint32_t wanted = upstream.relay->wanted_events();
  if (wanted == upstream.watched_events) return;
  if (wanted == 0)
    upstream.watch = {};
  else if (upstream.watch)
    upstream.watch.set_events(wanted);
  else
    upstream.watch = loop_.on_fd(upstream.relay->fd(), wanted, [this, relay = upstream.relay.get()](std::uint32_t) {
      in_turn_([this, relay] { relay->receive(read_buffer_); });
    });
  upstream.watched_events = wanted;
}

bool Relays::congested() const {
  return std::ranges::any_of(relays_, [](const auto& entry) { return entry.second.relay->congested(); });
}

bool Relays::hold_input() const {
  return std::ranges::any_of(relays_, [](const auto& entry) { return entry.second.relay->holds_input(); });
}

}  // namespace rpc
