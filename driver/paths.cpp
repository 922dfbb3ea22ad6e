#include "driver/paths.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/second_try.hpp"

namespace driver {

Paths Paths::below(const std::string& root, const std::string& driver_name) {
  Paths paths;
  paths.root = root;
  while (!paths.root.empty() && paths.root.back() == '/') paths.root.pop_back();
  paths.driver_name = driver_name;
  const std::string daemon = "virt" + driver_name + "d";
  const std::string run = paths.root + "/run/libvirt/";
  paths.socket_rw = run + daemon + "-sock";
  paths.socket_ro = run + daemon + "-sock-ro";
  paths.socket_admin = run + daemon + "-admin-sock";
  paths.pid_file = paths.root + "/run/" + daemon + ".pid";
  paths.config_file = paths.root + "/etc/libvirt/virtlxcelld.conf";
  paths.definitions = paths.root + "/etc/libvirt/" + driver_name;
  paths.autostart = paths.definitions + "/autostart";
  paths.journal = paths.root + "/var/lib/libvirt/" + driver_name + "/definitions.journal";
  paths.run = run + driver_name;
  paths.hooks = paths.root + "/etc/libvirt/hooks/" + driver_name;
  paths.logs = paths.root + "/var/log/libvirt/" + driver_name;
  return paths;
}

void Paths::move_sockets(const std::string& directory) {
  for (std::string* socket : {&socket_rw, &socket_ro, &socket_admin})
    *socket = directory + socket->substr(socket->rfind('/'));
}

namespace {

bool is_directory(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

}  // namespace

void make_directories(const std::string& path, unsigned mode) {
  if (is_directory(path)) return;
  for (auto slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const bool last = slash == std::string::npos;
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), last ? mode : 0755) < 0 && errno != EEXIST) {
      const int reason = errno;  // which does not matter where it is there already
      if (!is_directory(part))
        base::fail_errno_value(reason, base::Code::SystemError, "cannot make directory '", part, "'");
    }
    if (last) return;
  }
}

namespace {

std::vector<std::filesystem::directory_entry> entries_of(const std::string& path) {
  std::vector<std::filesystem::directory_entry> entries;
  std::error_code error;
  std::filesystem::directory_iterator at(path, error), end;
  for (; !error && at != end; at.increment(error)) entries.push_back(*at);
  if (error && error != std::errc::no_such_file_or_directory)
    base::fail_errno_value(error.value(), base::Code::SystemError, "cannot read directory '", path, "'");
  return entries;
}

}  // namespace

std::vector<std::filesystem::directory_entry> list_directory(const std::string& path) {
  return base::with_second_try([&] { return entries_of(path); });
}

}  // namespace driver
