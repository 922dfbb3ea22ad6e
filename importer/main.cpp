// lxcell-import: finds containers of other programs, defines them, says what became of each.
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "base/error.hpp"
#include "importer/client.hpp"
#include "importer/options.hpp"
#include "importer/report.hpp"
#include "importer/sources.hpp"

namespace {

using namespace importer;

std::vector<Found> find(const Options& options) {
  switch (options.source) {
    case Source::Libvirt:
      return find_libvirt(options.wanted);
    case Source::Lxc:
      return find_lxc(options.wanted);
    case Source::Oci:
      break;
  }
  return find_oci(options.bundles, options.name);
}

/// Why it was left out; empty if it was not.
std::string take_over(const Found& found, const Target& target, bool dry_run) {
  if (!found.problem.empty()) return found.problem;
  try {
    if (std::string clash = target.clash(found); !clash.empty()) return clash;
    if (!dry_run) target.define(found);
  } catch (const base::Error& error) {
    return error.message();
  }
  return {};
}

int run(const Options& options) {
  const auto list = find(options);
  const Target target(options.uri);
  std::size_t done = 0;
  for (const Found& found : list) {
    const std::string refused = take_over(found, target, options.dry_run);
    const std::string outcome = !refused.empty()  ? "left out: " + refused
                                : options.dry_run ? "would be taken over"
                                                  : "taken over";
    std::fputs(format_report(found, outcome).c_str(), stdout);
    if (options.dry_run) std::fputs(found.xml.c_str(), stdout);
    if (refused.empty()) ++done;
  }
  std::printf("%zu of %zu %s\n", done, list.size(), options.dry_run ? "would be taken over" : "taken over");
  return done == list.size() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  int exit_code = EXIT_SUCCESS;
  const auto options = parse_options(argc, argv, exit_code);
  if (!options) return exit_code;
  try {
    return run(*options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lxcell-import: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
