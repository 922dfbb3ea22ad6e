// Where a container's memory comes from as long as there is some: <numatune> in the modes that prefer nodes and forbid
// none. Those that forbid are limits of the cgroup.
#include <linux/mempolicy.h>

#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "container/plan_parts.hpp"
#include "domain-xml/cpuset.hpp"

namespace container {
namespace {

using MaskWord = unsigned long;  // the kernel's masks are made of these
constexpr unsigned kMaskWordBits = 8 * sizeof(MaskWord);

std::string mask_of(const std::vector<unsigned>& nodes) {
  std::vector<MaskWord> words(nodes.back() / kMaskWordBits + 1);
  for (const unsigned node : nodes) words[node / kMaskWordBits] |= MaskWord{1} << node % kMaskWordBits;
  std::string bytes(words.size() * sizeof(MaskWord), '\0');
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

}  // namespace

MemoryPolicy plan_memory_policy(const domain_xml::DomainDefinition& definition) {
  using domain_xml::NumaMode;
  const auto& tune = definition.numa_tune;
  if (!tune || tune->nodeset.empty()) return {};
  if (tune->mode != NumaMode::Preferred && tune->mode != NumaMode::Interleave) return {};
  const auto nodes = domain_xml::cpuset_members(tune->nodeset);
  if (tune->mode == NumaMode::Interleave) return {MPOL_INTERLEAVE, mask_of(nodes)};
  if (nodes.size() != 1)
    base::fail(base::Code::ConfigUnsupported, "NUMA memory mode 'preferred' of domain '", definition.name,
               "' takes one node, not '", tune->nodeset, "'");
  return {MPOL_PREFERRED, mask_of(nodes)};
}

}  // namespace container
