#include "rpc/relayed_events.hpp"

#include <algorithm>

#include "rpc/protocol.hpp"
#include "rpc/xdr.hpp"

namespace rpc {
namespace {

constexpr std::int32_t kRegistering[] = {
    proc::ConnectNetworkEventRegisterAny::kNumber, proc::ConnectStoragePoolEventRegisterAny::kNumber,
    proc::ConnectNodeDeviceEventRegisterAny::kNumber, proc::ConnectSecretEventRegisterAny::kNumber};
constexpr std::int32_t kDeregistering[] = {
    proc::ConnectNetworkEventDeregisterAny::kNumber, proc::ConnectStoragePoolEventDeregisterAny::kNumber,
    proc::ConnectNodeDeviceEventDeregisterAny::kNumber, proc::ConnectSecretEventDeregisterAny::kNumber};

/// In these calls' arguments and replies, and in their events, the number comes first.
std::string with_number(std::int32_t number, std::string_view payload) {
  Encoder out;
  out.put_u32(static_cast<std::uint32_t>(number));
  return out.take() + std::string(payload.substr(std::min<std::size_t>(payload.size(), 4)));
}

}  // namespace

bool RelayedEvents::registers(std::int32_t procedure) {
  return std::ranges::count(kRegistering, procedure) > 0;
}

bool RelayedEvents::deregisters(std::int32_t procedure) {
  return std::ranges::count(kDeregistering, procedure) > 0;
}

std::int32_t RelayedEvents::number_in(std::string_view payload) {
  return static_cast<std::int32_t>(Decoder(payload).get_u32());
}

std::string RelayedEvents::add(std::int32_t procedure, std::string arguments, std::string_view reply) {
  registrations_.push_back({procedure, std::move(arguments), next_++, number_in(reply)});
  return with_number(registrations_.back().here, reply);
}

const std::vector<RelayedEvents::Registration>& RelayedEvents::begin_again() {
  for (auto& one : registrations_) one.there.reset();
  return registrations_;
}

void RelayedEvents::renew(std::int32_t here, std::string_view reply) {
  const auto found = std::ranges::find(registrations_, here, &Registration::here);
  if (found != registrations_.end()) found->there = number_in(reply);
}

void RelayedEvents::drop(std::int32_t here) {
  std::erase_if(registrations_, [here](const Registration& one) { return one.here == here; });
}

std::string RelayedEvents::outgoing(std::string_view arguments) const {
  const auto found = std::ranges::find(registrations_, number_in(arguments), &Registration::here);
  return with_number(found == registrations_.end() ? -1 : found->there.value_or(-1), arguments);
}

std::optional<std::string> RelayedEvents::incoming(std::string_view message) const {
  const auto found = std::ranges::find(registrations_, std::optional(number_in(message)), &Registration::there);
  if (found == registrations_.end()) return std::nullopt;
  return with_number(found->here, message);
}

}  // namespace rpc
