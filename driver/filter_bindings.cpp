#include "driver/filter_bindings.hpp"

#include <libvirt/virterror.h>

#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "domain-xml/filter_binding.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/network_port.hpp"
#include "driver/libvirt_handles.hpp"

namespace driver {

void FilterBindings::bind(const domain_xml::DomainDefinition& owner, const domain_xml::Interface& interface,
                          const std::string& host_end) {
  if (!interface.filter) return;
  if (host_end.empty())
    base::fail(base::Code::ConfigUnsupported, "interface '", domain_xml::format_mac(interface.mac),
               "' has no end on the host that filter '", interface.filter->filter, "' could guard");
  remove(host_end);  // a guard of an earlier link of that name knows another MAC address
  const std::string xml = domain_xml::format_filter_binding(owner, interface, host_end);
  client_.with([xml](virConnectPtr connection) {
    if (!Binding(virNWFilterBindingCreateXML(connection, xml.c_str(), 0))) fail_as_libvirt();
  });
}

void FilterBindings::remove(const std::string& host_end) {
  client_.with([host_end](virConnectPtr connection) {
    const Binding binding(virNWFilterBindingLookupByPortDev(connection, host_end.c_str()));
    if (!binding && last_libvirt_code() == VIR_ERR_NO_NWFILTER_BINDING) return;
    if (!binding || virNWFilterBindingDelete(binding.get()) < 0) fail_as_libvirt();
  });
}

std::vector<FilterBindings::Owned> FilterBindings::all() noexcept {
  try {
    return client_.with([](virConnectPtr connection) {
      std::vector<Owned> found;
      virNWFilterBindingPtr* bindings = nullptr;
      const int count = virConnectListAllNWFilterBindings(connection, &bindings, 0);
      if (count < 0) fail_as_libvirt();
      for (const Binding& binding : take_list<Binding>(bindings, count)) {
        const Text text(virNWFilterBindingGetXMLDesc(binding.get(), 0));
        const auto owner = text ? domain_xml::owner_of(text.get()) : std::nullopt;
        if (owner) found.push_back({*owner, virNWFilterBindingGetPortDev(binding.get())});
      }
      return found;
    });
  } catch (const std::exception& error) {
    base::log::info("filter bindings cannot be looked through: {}", error.what());
    return {};
  }
}

}  // namespace driver
