// virtlxcelld.conf: libvirt's own syntax and key names, plus our keys. Unknown keys and wrong types are refused by
// name.
#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "rpc/server.hpp"

namespace driver {

struct Config {
  std::string unix_sock_group;
  unsigned unix_sock_rw_perms = 0700;
  unsigned unix_sock_ro_perms = 0777;
  std::string auth_unix_rw = "none", auth_unix_ro = "none";
  rpc::ServerLimits limits;
  base::log::Level log_level = base::log::Level::Warning;
  std::string log_file;  // empty: stderr
  std::string host_uuid;
  std::string driver_name = "lxcell";
  std::string supervisor_path;      // empty: the installed one
  std::string sibling_socket_dir;   // of libvirt's other daemons; empty: /run/libvirt below the root
  std::string idmap_user = "root";  // whose subordinate ids automatic id maps are made of
  // Stock's dangerous defaults (design: safe under our own name, stock's when serving "lxc").
  bool share_host_network = false, share_host_root = false;
  bool share_host_network_given = false, share_host_root_given = false;
};

/// Throws ConfigUnsupported with file, line and key for anything it does not understand.
Config parse_config(const std::string& text, const std::string& file);

}  // namespace driver
