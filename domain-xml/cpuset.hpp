// Sets of processors (and NUMA nodes) in libvirt's list syntax: "0-3,^2,8".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace domain_xml {

/// The shortest spelling of the set: ranges ascending and joined, exclusions applied. Empty when every bit libvirt
/// knows (0-16383) is in it. InvalidArg when `text` is no list, ConfigUnsupported when it leaves nothing.
std::string canonical_cpuset(std::string_view text);
/// The members, ascending.
std::vector<unsigned> cpuset_members(std::string_view text);

}  // namespace domain_xml
