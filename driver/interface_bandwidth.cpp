#include "driver/interface_bandwidth.hpp"

#include <algorithm>
#include <optional>

namespace driver {
namespace {

using base::Code;
using domain_xml::Bandwidth;
using domain_xml::BandwidthRate;
using Type = ParameterType;

struct Names {
  const char *average, *peak, *burst, *floor;
};
constexpr Names kInbound = {VIR_DOMAIN_BANDWIDTH_IN_AVERAGE, VIR_DOMAIN_BANDWIDTH_IN_PEAK,
                            VIR_DOMAIN_BANDWIDTH_IN_BURST, VIR_DOMAIN_BANDWIDTH_IN_FLOOR};
constexpr Names kOutbound = {VIR_DOMAIN_BANDWIDTH_OUT_AVERAGE, VIR_DOMAIN_BANDWIDTH_OUT_PEAK,
                             VIR_DOMAIN_BANDWIDTH_OUT_BURST, nullptr};

std::uint32_t uint(std::uint64_t value) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, UINT32_MAX));
}

void add(Parameters& parameters, const Names& names, const std::optional<BandwidthRate>& given) {
  const BandwidthRate rate = given.value_or(BandwidthRate{});
  parameters.push_back({names.average, uint(rate.average)});
  parameters.push_back({names.peak, uint(rate.peak.value_or(0))});
  parameters.push_back({names.burst, uint(rate.burst.value_or(0))});
  if (names.floor) parameters.push_back({names.floor, uint(rate.floor.value_or(0))});
}

/// nullopt when nothing is said of the direction.
std::optional<BandwidthRate> rate_in(const Parameters& parameters, const Names& names) {
  const auto find = [&](const char* name) -> const std::uint32_t* {
    return name ? find_parameter<std::uint32_t>(parameters, name) : nullptr;
  };
  const auto *average = find(names.average), *peak = find(names.peak), *burst = find(names.burst),
             *floor = find(names.floor);
  if (!average && !peak && !burst && !floor) return std::nullopt;
  if (!average && !floor)
    base::fail(Code::InvalidArg, "parameter '", names.average, "' is needed with '", peak ? names.peak : names.burst,
               "'");
  const auto limit = [](const std::uint32_t* value) -> std::optional<std::uint64_t> {
    return value && *value != 0 ? std::optional<std::uint64_t>(*value) : std::nullopt;
  };
  BandwidthRate rate{.average = average ? *average : 0, .peak = limit(peak), .burst = limit(burst)};
  rate.floor = limit(floor);
  return rate;
}

void replace(std::optional<BandwidthRate>& direction, const std::optional<BandwidthRate>& rate) {
  if (!rate) return;
  direction = rate->average == 0 && !rate->floor ? std::nullopt : rate;
}

/// Whoever shares the floors is the network.
bool is_of_network(const domain_xml::Interface& interface) {
  if (std::holds_alternative<domain_xml::InterfaceNetwork>(interface.source)) return true;
  const auto* const bridge = std::get_if<domain_xml::InterfaceBridge>(&interface.source);
  return bridge && !bridge->network.empty();
}

}  // namespace

Parameters bandwidth_parameters(const domain_xml::Interface& interface) {
  const Bandwidth bandwidth = interface.bandwidth.value_or(Bandwidth{});
  Parameters parameters;
  add(parameters, kInbound, bandwidth.inbound);
  add(parameters, kOutbound, bandwidth.outbound);
  return parameters;
}

void change_bandwidth(domain_xml::Interface& interface, const Parameters& parameters) {
  require_known(parameters, {{VIR_DOMAIN_BANDWIDTH_IN_AVERAGE, Type::Uint},
                             {VIR_DOMAIN_BANDWIDTH_IN_PEAK, Type::Uint},
                             {VIR_DOMAIN_BANDWIDTH_IN_BURST, Type::Uint},
                             {VIR_DOMAIN_BANDWIDTH_IN_FLOOR, Type::Uint},
                             {VIR_DOMAIN_BANDWIDTH_OUT_AVERAGE, Type::Uint},
                             {VIR_DOMAIN_BANDWIDTH_OUT_PEAK, Type::Uint},
                             {VIR_DOMAIN_BANDWIDTH_OUT_BURST, Type::Uint}});
  Bandwidth bandwidth = interface.bandwidth.value_or(Bandwidth{});
  replace(bandwidth.inbound, rate_in(parameters, kInbound));
  replace(bandwidth.outbound, rate_in(parameters, kOutbound));
  if (bandwidth.inbound && bandwidth.inbound->floor && !is_of_network(interface))
    base::fail(Code::ConfigUnsupported, "a bandwidth floor is for interfaces of type 'network' only");
  interface.bandwidth.reset();
  if (bandwidth != Bandwidth{}) interface.bandwidth = bandwidth;
}

}  // namespace driver
