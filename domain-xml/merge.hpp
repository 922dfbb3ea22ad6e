// libvirt looks for a thing at a path, so two elements where one is expected come to the contents of both.
#pragma once

#include "domain-xml/node.hpp"

namespace domain_xml {

/// Moves what is in the repeated containers of `domain` (os, features, devices ...) into the first one of each, which
/// leaves the others empty. Of a repeated feature the attributes of the last count.
void merge_repeated(const Node& domain);

}  // namespace domain_xml
