// The <cpu> documents that clients hand in with questions about processors, a host's or a guest's, and the answers:
// does this host's processor do, and what have several in common.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "domain-xml/cpu_map.hpp"

namespace domain_xml {

/// Where errors about processors come from, for libvirt's clients.
inline constexpr base::From kFromCpu{VIR_FROM_CPU};

enum class CpuFeaturePolicy { Force, Require, Optional, Disable, Forbid };
enum class CpuMatch { Minimum, Exact, Strict };

struct CpuFeatureWish {
  std::string name;
  CpuFeaturePolicy policy = CpuFeaturePolicy::Require;
};

struct CpuDescription {
  std::string arch;  // of a host's; a guest's has none
  std::string mode;  // of a guest's: "custom" and others, may be empty
  std::string model, vendor;
  CpuMatch match = CpuMatch::Exact;
  std::vector<CpuFeatureWish> features;
};

/// As libvirt tells them apart: a description with an architecture is a host's, unless it has a mode. Throws XmlDetail,
/// XmlError.
CpuDescription parse_cpu_description(const std::string& xml);

enum class CpuVerdict { Incompatible, Identical, Superset };

struct CpuComparison {
  CpuVerdict verdict = CpuVerdict::Superset;
  std::string why;  // of Incompatible
};

/// Throws InternalError for a model or feature that the map does not have, XmlError for a host's description without a
/// model.
CpuComparison compare_cpu(const CpuMap& map, const HostProcessor& host, const CpuDescription& wanted);

struct BaselineOptions {
  bool expand = false;      // every feature, also those that the model has anyway
  bool migratable = false;  // only features that a guest could take elsewhere
};

/// The <cpu> of a guest that runs on all of `hosts`, as XML. Throws XmlError and ConfigUnsupported for what is no
/// host's description, InternalError as above, OperationFailed when they have different vendors or no model in common.
std::string baseline_cpu(const CpuMap& map, const std::vector<CpuDescription>& hosts, BaselineOptions options);

}  // namespace domain_xml
