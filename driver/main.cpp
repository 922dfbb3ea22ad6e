// virtlxcelld: reads options and configuration, puts the parts together, runs.
#include <malloc.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/descriptors.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/memory_reserve.hpp"
#include "base/second_try.hpp"
#include "base/short_turns.hpp"
#include "base/version.hpp"
#include "driver/background.hpp"
#include "driver/config.hpp"
#include "driver/container_backend.hpp"
#include "driver/daemon.hpp"
#include "driver/host_check.hpp"
#include "driver/large_memory.hpp"
#include "driver/options.hpp"

namespace {

using namespace driver;

constexpr int kDescriptors = 16384;  // of 2,000 containers, or of all clients that may come and half as many containers

Config read_config(const Options& options) {
  const bool given = !options.config_file.empty();
  const std::string file = given ? options.config_file : Paths::below(options.root, "lxcell").config_file;
  Config config;
  const auto text = base::with_second_try([&] { return base::read_file_if_any(file); });
  if (!text && given) base::fail_errno_value(ENOENT, base::Code::SystemError, "cannot open '", file, "'");
  if (text) config = parse_config(*text, file);
  if (!options.driver_name.empty()) config.driver_name = options.driver_name;
  if (options.verbose) config.log_level = std::min(config.log_level, base::log::Level::Info);
  // Under our own name the safe way is the default; as a drop-in for lxc:/// the stock driver's.
  if (!config.share_host_network_given) config.share_host_network = config.driver_name == "lxc";
  if (!config.share_host_root_given) config.share_host_root = config.driver_name == "lxc";
  using DefaultIdMap = Config::DefaultIdMap;
  if (!config.default_idmap)
    config.default_idmap = config.driver_name == "lxc" ? DefaultIdMap::None : DefaultIdMap::Identity;
  return config;
}

/// The first that exists: beside this program (installed or in its build tree), else where it is installed.
std::string find_file(std::initializer_list<std::string> candidates, const std::string& installed) {
  return base::with_second_try([&]() -> std::string {
    const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    for (const auto& candidate : candidates)
      if (const auto path = (here / candidate).lexically_normal(); std::filesystem::exists(path)) return path;
    return installed;
  });
}

void write_pid_file(const std::string& path) {
  try {
    make_directories(path.substr(0, path.rfind('/')), 0755);
    base::replace_file(path, std::to_string(::getpid()) + "\n", 0644);
  } catch (const base::Error& error) {
    base::log::warning("nobody finds this daemon's pid in '{}': {}", path, error.message());
  }
}

void run(const Options& options) {
  const Config config = read_config(options);
  Paths paths = Paths::below(options.root, config.driver_name);
  if (!config.unix_sock_dir.empty()) paths.move_sockets(config.unix_sock_dir);
  base::Fd ready;
  if (options.daemon) ready = go_to_background();
  base::make_room_for_descriptors(kDescriptors);
  const base::Fd lock = lock_root(paths);
  base::log::configure(config.log_level, config.log_file);
  base::log::set_filters(base::log::parse_filters(config.log_filters).value());
  if (!config.log_outputs.empty()) base::log::set_outputs(base::log::parse_outputs(config.log_outputs).value());
  for (const auto& key : config.ignored) base::log::warning("{} has no effect on this daemon", key);
  if (config.share_host_network) base::log::info("containers without an interface share the host's network");
  if (config.share_host_root) base::log::info("containers without a root file system get the host's");
  if (config.default_idmap == Config::DefaultIdMap::None)
    base::log::info("containers without an id map have no user namespace");

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
  launcher.security = {config.security_driver, config.security_default_confined, config.security_require_confined,
                       find_file({"../container/lxcell-container"}, LXCELL_SYSCONF_DIR "/apparmor.d/lxcell-container")};
  launcher.audit = {config.audit_level, config.audit_logging};
  launcher.unsafe = {config.share_host_network, config.share_host_root,
                     config.default_idmap == Config::DefaultIdMap::None};
  Daemon daemon(paths, config, supervisor, schema, [&](base::EventLoop& loop) {
    launcher.namespaces_of = [&daemon](const std::string& domain) { return daemon.open_namespaces(domain); };
    return std::make_unique<ContainerBackend>(loop, launcher, supervisor, config.host_uuid);
  });
  daemon.start(open_sockets(paths, config));
  write_pid_file(pid_file);
  if (ready) announce_ready(std::move(ready));
  ::sd_notify(0, "READY=1");
  base::log::info("virtlxcelld {} serves {}:///system on '{}'", base::version(), config.driver_name, paths.socket_rw);
  base::take_short_turns();  // this thread, the loop
  daemon.run(std::chrono::seconds(options.timeout_seconds));
  ::sd_notify(0, "STOPPING=1");
  remove_sockets(paths);
  ::unlink(pid_file.c_str());
}

/// What a call took goes back to the kernel when it has been answered. By itself glibc keeps the copies of one large
/// answer for good, in an arena per worker: with statistics of a thousand containers 16 MiB.
void keep_little_freed_memory() {
  constexpr int kUnused = 1 << 20;
  constexpr unsigned kMostArenas = 8;
  ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(kLargeMemory));
  ::mallopt(M_TRIM_THRESHOLD, kUnused);
  ::mallopt(M_ARENA_MAX, static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 2U, kMostArenas)));
}

/// False when no container could start.
bool check_host(const Options& options) {
  if (::geteuid() != 0)
    base::fail(base::Code::OperationDenied, "what a host offers is found out by trying: only root can");
  const Config config = read_config(options);
  const Paths paths = Paths::below(options.root, config.driver_name);
  const auto findings = judge_host(container::find_host_offers(), find_host_services(paths, config));
  std::fputs(format_findings(findings).c_str(), stdout);
  return std::ranges::count(findings, HostFinding::Verdict::Fail, &HostFinding::verdict) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  int exit_code = EXIT_SUCCESS;
  const auto options = parse_options(argc, argv, exit_code);
  if (!options) return exit_code;
  ::umask(022);
  keep_little_freed_memory();  // before there are threads
  base::raise_descriptor_limit();
  base::hold_memory_reserve();
  std::signal(SIGPIPE, SIG_IGN);
  try {
    if (options->check_host) return check_host(*options) ? EXIT_SUCCESS : EXIT_FAILURE;
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
