#include "driver/outside.hpp"

#include <algorithm>
#include <iterator>
#include <variant>

namespace driver {
namespace {

void add(const domain_xml::Interface& interface, Outside& outside) {
  std::visit(
      [&](const auto& source) {
        if constexpr (requires { source.port_id; })
          if (!source.port_id.empty()) outside.ports.push_back({source.network, source.port_id});
      },
      interface.source);
  if (interface.filter && !interface.target_dev.empty()) outside.guarded_ends.push_back(interface.target_dev);
}

template <typename T>
std::vector<T> difference(const std::vector<T>& all, const std::vector<T>& kept) {
  std::vector<T> rest;
  std::ranges::copy_if(all, std::back_inserter(rest), [&](const T& one) { return std::ranges::count(kept, one) == 0; });
  return rest;
}

}  // namespace

Outside outside_of(const domain_xml::Interface& live) {
  Outside outside;
  add(live, outside);
  return outside;
}

Outside outside_of(const domain_xml::DomainDefinition& live) {
  Outside outside;
  for (const auto& interface : live.interfaces) add(interface, outside);
  return outside;
}

Outside without(const Outside& all, const Outside& kept) {
  return {difference(all.ports, kept.ports), difference(all.guarded_ends, kept.guarded_ends)};
}

}  // namespace driver
