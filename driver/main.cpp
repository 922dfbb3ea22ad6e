// virtlxcelld: reads options and configuration, puts the parts together, runs.
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/descriptors.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "driver/background.hpp"
#include "driver/config.hpp"
#include "driver/container_backend.hpp"
#include "driver/daemon.hpp"
#include "driver/options.hpp"

namespace {

using namespace driver;

Config read_config(const Options& options) {
  const bool given = !options.config_file.empty();
  const std::string file = given ? options.config_file : Paths::below(options.root, "lxcell").config_file;
  Config config;
  if (given || ::access(file.c_str(), F_OK) == 0) config = parse_config(base::read_file(file), file);
  if (!options.driver_name.empty()) config.driver_name = options.driver_name;
  if (options.verbose) config.log_level = std::min(config.log_level, base::log::Level::Info);
  // Under our own name the safe way is the default; as a drop-in for lxc:/// the stock driver's.
  if (!config.share_host_network_given) config.share_host_network = config.driver_name == "lxc";
  if (!config.share_host_root_given) config.share_host_root = config.driver_name == "lxc";
  return config;
}

/// The first that exists: beside this program (installed or in its build tree), else where it is installed.
std::string find_file(std::initializer_list<std::string> candidates, const std::string& installed) {
  const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const auto& candidate : candidates)
    if (const auto path = (here / candidate).lexically_normal(); std::filesystem::exists(path)) return path;
  return installed;
}

void write_pid_file(const std::string& path) {
  make_directories(path.substr(0, path.rfind('/')), 0755);
  base::replace_file(path, std::to_string(::getpid()) + "\n", 0644);
}

void run(const Options& options) {
  const Config config = read_config(options);
  const Paths paths = Paths::below(options.root, config.driver_name);
  base::Fd ready;
  if (options.daemon) ready = go_to_background();
  const base::Fd lock = lock_root(paths);
  base::log::configure(config.log_level, config.log_file);
  if (config.share_host_network) base::log::info("containers without an interface share the host's network");
  if (config.share_host_root) base::log::info("containers without a root file system get the host's");

  const std::string supervisor =
      !config.supervisor_path.empty()
          ? config.supervisor_path
          : find_file({"lxcell-supervisor", "../container/lxcell-supervisor"}, LXCELL_LIBEXEC_DIR "/lxcell-supervisor");
  const std::string schema = find_file({"../schemas/lxcell-domain.rng"}, LXCELL_DATA_DIR "/schemas/lxcell-domain.rng");
  const std::string pid_file = options.pid_file.empty() ? paths.pid_file : options.pid_file;

  container::LauncherConfig launcher;
  launcher.supervisor_path = supervisor;
  launcher.run_directory = paths.run;
  launcher.log_directory = paths.logs;
  launcher.unsafe = {config.share_host_network, config.share_host_root};
  Daemon daemon(paths, config, supervisor, schema, [&](base::EventLoop& loop) {
    launcher.namespaces_of = [&daemon](const std::string& domain) { return daemon.open_namespaces(domain); };
    return std::make_unique<ContainerBackend>(loop, launcher, supervisor, config.host_uuid);
  });
  daemon.start(open_sockets(paths, config));
  write_pid_file(pid_file);
  if (ready) announce_ready(std::move(ready));
  ::sd_notify(0, "READY=1");
  base::log::info("virtlxcelld {} serves {}:///system on '{}'", LXCELL_VERSION, config.driver_name, paths.socket_rw);
  daemon.run(std::chrono::seconds(options.timeout_seconds));
  ::sd_notify(0, "STOPPING=1");
  remove_sockets(paths);
  ::unlink(pid_file.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  int exit_code = EXIT_SUCCESS;
  const auto options = parse_options(argc, argv, exit_code);
  if (!options) return exit_code;
  ::umask(022);
  base::raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
  try {
    run(*options);
  } catch (const base::Error& error) {
    std::fprintf(stderr, "virtlxcelld: %s\n", error.message().c_str());
    return EXIT_FAILURE;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "virtlxcelld: %s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
