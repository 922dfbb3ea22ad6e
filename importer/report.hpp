// What is said about each container.
#pragma once

#include <string>

#include "importer/found.hpp"

namespace importer {

/// Lines ending in a newline. `outcome`: "taken over", "would be taken over", or "left out: " and why.
std::string format_report(const Found& found, const std::string& outcome);

}  // namespace importer
