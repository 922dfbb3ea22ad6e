#include "importer/options.hpp"

#include <CLI/CLI.hpp>

#include "base/version.hpp"

namespace importer {

std::optional<Options> parse_options(int argc, char** argv, int& exit_code) {
  Options options;
  std::string definitions = "/etc/libvirt/lxc", containers = "/var/lib/lxc";
  CLI::App app{"lxcell-import: takes over containers of libvirt's LXC driver, of LXC, and OCI bundles"};
  app.set_version_flag("-V,--version", std::string("lxcell-import ") + base::version());
  app.add_flag("-n,--dry-run", options.dry_run, "Define nothing; print what would be defined");
  app.add_option("-c,--connect", options.uri, "Where to define")->type_name("URI")->capture_default_str();
  app.require_subcommand(1);
  app.fallthrough();
  auto* const libvirt = app.add_subcommand("libvirt", "Definitions of libvirt's LXC driver");
  libvirt->add_option("--from", definitions, "A folder of definitions, or a URI")
      ->type_name("PLACE")
      ->capture_default_str();
  libvirt->add_option("name", options.wanted.names, "Those to take over, if not all");
  auto* const lxc = app.add_subcommand("lxc", "Containers of LXC");
  lxc->add_option("--from", containers, "The folder of containers")->type_name("DIR")->capture_default_str();
  lxc->add_option("name", options.wanted.names, "Those to take over, if not all");
  auto* const oci = app.add_subcommand("oci", "OCI bundles");
  oci->add_option("bundle", options.bundles, "Folders with a config.json")->required();
  oci->add_option("--name", options.name, "The domain's name, if not the folder's")->type_name("NAME");
  try {
    app.parse(argc, argv);
    if (options.bundles.size() > 1 && !options.name.empty()) throw CLI::ValidationError("--name", "is for one bundle");
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? 0 : 2;
    return std::nullopt;
  }
  options.source = libvirt->parsed() ? Source::Libvirt : lxc->parsed() ? Source::Lxc : Source::Oci;
  options.wanted.place = lxc->parsed() ? containers : definitions;
  return options;
}

}  // namespace importer
