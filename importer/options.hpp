// The command line of lxcell-import.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "importer/found.hpp"

namespace importer {

enum class Source { Libvirt, Lxc, Oci };

struct Options {
  Source source = Source::Libvirt;
  Wanted wanted;                     // libvirt, lxc
  std::vector<std::string> bundles;  // oci
  std::string name;                  // oci
  std::string uri = "lxcell:///system";
  bool dry_run = false;
};

/// nullopt when there is nothing to run; then `exit_code` says how to end: 0 after --help, 2 for a wrong option.
std::optional<Options> parse_options(int argc, char** argv, int& exit_code);

}  // namespace importer
