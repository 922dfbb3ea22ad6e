#include "driver/options.hpp"

#include <CLI/CLI.hpp>

#include "base/version.hpp"

namespace driver {

std::optional<Options> parse_options(int argc, char** argv, int& exit_code) {
  Options options;
  CLI::App app{"virtlxcelld: libvirt daemon for Linux containers (lxcell:///system)"};
  app.set_version_flag("-V,--version", std::string("virtlxcelld ") + base::version());
  app.add_option("--root", options.root, "Keep every socket, definition, state and log below this directory")
      ->type_name("DIR");
  app.add_option("-f,--config", options.config_file, "Configuration file")->type_name("FILE");
  app.add_option("--driver-name", options.driver_name, "URI scheme to serve: lxcell, or lxc as a drop-in")
      ->type_name("NAME");
  app.add_flag("-d,--daemon", options.daemon, "Run in the background once ready");
  app.add_option("-p,--pid-file", options.pid_file, "Where to write the process id")->type_name("FILE");
  app.add_flag("-v,--verbose", options.verbose, "Log what is done, not only what goes wrong");
  app.add_flag("--check-host", options.check_host, "Print what this host offers to containers, and what is missing");
  app.add_option("-t,--timeout", options.timeout_seconds, "End after this long without clients and running domains")
      ->type_name("SECONDS");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error);
    return std::nullopt;
  }
  return options;
}

}  // namespace driver
