#include "driver/paths.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "base/error.hpp"

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

void make_directories(const std::string& path, unsigned mode) {
  for (auto slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const bool last = slash == std::string::npos;
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), last ? mode : 0755) < 0 && errno != EEXIST)
      base::fail_errno(base::Code::SystemError, "cannot make directory '", part, "'");
    if (last) return;
  }
}

std::vector<std::filesystem::directory_entry> list_directory(const std::string& path) {
  std::vector<std::filesystem::directory_entry> entries;
  std::error_code error;
  std::filesystem::directory_iterator at(path, error), end;
  for (; !error && at != end; at.increment(error)) entries.push_back(*at);
  if (error && error != std::errc::no_such_file_or_directory)
    base::fail_errno_value(error.value(), base::Code::SystemError, "cannot read directory '", path, "'");
  return entries;
}

}  // namespace driver
