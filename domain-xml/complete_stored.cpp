#include "domain-xml/complete_stored.hpp"

#include <algorithm>

namespace domain_xml {

std::string* stored_attribute(Element& element, std::string_view name) {
  for (auto& [key, value] : element.attributes)
    if (key == name) return &value;
  return nullptr;
}

std::string text_of(Element& element, std::string_view attribute) {
  const std::string* const text = stored_attribute(element, attribute);
  return text == nullptr ? std::string() : *text;
}

void set_stored_attribute(Element& element, std::string_view name, std::string value) {
  if (std::string* const old = stored_attribute(element, name))
    *old = std::move(value);
  else
    element.attributes.emplace_back(name, std::move(value));
}

void complete_stored(DomainDefinition& definition) {
  complete_domain_elements(definition);
  complete_other_devices(definition);
}

}  // namespace domain_xml
