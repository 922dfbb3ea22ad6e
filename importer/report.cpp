#include "importer/report.hpp"

namespace importer {

std::string format_report(const Found& found, const std::string& outcome) {
  std::string text = found.name + ": " + outcome + "\n  from " + found.origin + "\n";
  if (found.running) text += "  it is running there: stop it before it is started here\n";
  if (found.xml.empty()) return text;
  text += found.autostart ? "  kept: starts with the host\n" : "";
  for (const auto& part : found.kept) text += "  kept: " + part + "\n";
  for (const auto& part : found.lost) text += "  lost: " + part + "\n";
  return text;
}

}  // namespace importer
