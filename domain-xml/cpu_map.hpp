// What libvirt knows of CPU models: the names, features and vendors of its public CPU map (a folder of XML files that
// comes with its client library). Text to value; whoever reads the files is given.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace domain_xml {

using CpuFeatures = std::set<std::string>;

struct CpuRegisters {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

/// Where a processor tells something: the CPUID instruction's inputs, or a model specific register.
struct CpuQuestion {
  bool msr = false;
  std::uint32_t leaf = 0;  // eax, or the register's number
  std::uint32_t subleaf = 0;
};

struct CpuFeature {
  std::string name;
  bool migratable = true;
  CpuQuestion question;
  CpuRegisters bits;  // all of them set: the feature is there
};

struct CpuModel {
  std::string name, vendor;
  bool guest = true;  // may be the answer to what fits a guest
  CpuFeatures features;
  CpuFeatures removed;  // newer versions of the model lack these: never required of a host, disabled for a guest
};

struct CpuVendor {
  std::string name;
  std::string signature;  // "AuthenticAMD"
};

struct CpuMap {
  std::vector<CpuFeature> features;
  std::vector<CpuModel> models;  // oldest first
  std::vector<CpuVendor> vendors;

  const CpuModel* model(const std::string& name) const;
  const CpuFeature* feature(const std::string& name) const;
};

/// The part of the map that is about `arch`, as libvirt names it; empty for one that libvirt has no models of.
/// `read_file`: the text of a file of the map by its name, such as "index.xml".
CpuMap parse_cpu_map(const std::string& arch, const std::function<std::string(const std::string&)>& read_file);

/// "x86_64" and "i686" are both "x86"; empty for an architecture that libvirt's CPU code does not know.
std::string cpu_family(const std::string& arch);

/// A host's processor in the words of the map.
struct HostProcessor {
  std::string arch, vendor;  // the vendor is empty when the map has none such
  CpuFeatures features;
};

/// `read`: nullopt where the processor does not answer.
HostProcessor describe_processor(const std::string& arch, const CpuMap& map,
                                 const std::function<std::optional<CpuRegisters>(const CpuQuestion&)>& read);

}  // namespace domain_xml
