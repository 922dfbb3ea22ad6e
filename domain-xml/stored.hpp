// Elements that are only kept: which of their attributes and children are known, and in which order they are printed,
// is one table. Everything the table does not name is dropped.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "domain-xml/definition.hpp"
#include "domain-xml/node.hpp"
#include "domain-xml/writer.hpp"

namespace domain_xml {

/// Reads `node` by the rule for `path` ("features/hyperv"); refuses missing required attributes and unknown words.
Element parse_stored(const Node& node, std::string_view path);
/// What `node` says beyond that which is understood of it, by the rule for `path`; appended to `elements` as `name`.
void parse_stored_rest(const Node& node, std::string_view path, const char* name, std::vector<Element>& elements);
/// The children of `parent` that the rule for `path` names, in its order.
std::vector<Element> parse_stored_children(const Node& parent, std::string_view path);
/// The names of the children the rule for `path` knows, in their order of printing.
std::vector<std::string_view> stored_children(std::string_view path);

/// The alias that a user gave the device `node`, appended to `elements`. Drivers make up others, which are not kept.
void parse_user_alias(const Node& node, std::vector<Element>& elements);
/// The one that a driver made up for the device `node`; "" if a user has given one.
std::string driver_alias(const Node& node, const std::vector<Element>& elements);

bool has_stored(const std::vector<Element>& elements, std::string_view name);

void write_stored(Writer& writer, const Element& element);
/// Attributes and children of that element of `elements` called `name`, into the element just opened.
void write_stored_rest(Writer& writer, const std::vector<Element>& elements, std::string_view name);
/// Those elements of `elements` called `name`.
void write_stored_named(Writer& writer, const std::vector<Element>& elements, std::string_view name);

}  // namespace domain_xml
