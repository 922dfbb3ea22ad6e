// virtlxcelld.conf: libvirt's own syntax and key names, plus our keys. It takes any configuration of libvirt's daemons:
// keys of theirs that mean nothing here are said in the log. Unknown keys and wrong types are refused by name.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "driver/paths.hpp"
#include "rpc/server.hpp"

namespace driver {

/// How clients of a socket prove who they are. None: whoever can open it may.
enum class Authentication { None, Polkit };

struct Config {
  std::string unix_sock_group;
  std::string unix_sock_dir;  // empty: run/libvirt below the root
  unsigned unix_sock_rw_perms = 0700;
  unsigned unix_sock_ro_perms = 0777;
  unsigned unix_sock_admin_perms = 0700;  // and only root is heard there
  Authentication auth_unix_rw = Authentication::None, auth_unix_ro = Authentication::None;
  bool access_by_polkit = false;  // access_drivers: polkit is asked about every call and object
  rpc::ServerLimits limits;
  unsigned min_workers = 0;
  rpc::ServerLimits admin_limits{.max_queued_clients = 5, .workers = 1, .priority_workers = 0};
  base::log::Level log_level = base::log::Level::Warning;
  std::string log_file;                  // empty: stderr
  std::string log_filters, log_outputs;  // libvirt's syntax; outputs come before log_file
  std::string host_uuid;
  std::string driver_name = "lxcell";
  std::string supervisor_path;               // empty: the installed one
  std::string sibling_socket_dir;            // of libvirt's other daemons; empty: /run/libvirt below the root
  std::chrono::seconds sibling_timeout{30};  // for an answer of theirs
  std::string idmap_user = "root";           // whose subordinate ids automatic id maps are made of
  // Of libvirt's lxc.conf: empty is what the host has, else "none", "apparmor" or "selinux".
  std::string security_driver;
  bool security_default_confined = true, security_require_confined = false;
  unsigned audit_level = 1;  // 0 never, 1 where the host audits, 2 or do not start
  bool audit_logging = false;
  // Stock's dangerous defaults (design: safe under our own name, stock's when serving "lxc").
  bool share_host_network = false, share_host_root = false;
  bool share_host_network_given = false, share_host_root_given = false;
  // What a domain gets that says nothing about ids: no user namespace, one with the host's ids, an automatic id map.
  // Nullopt: None when serving "lxc", else Identity.
  enum class DefaultIdMap { None, Identity, Automatic };
  std::optional<DefaultIdMap> default_idmap;
  std::vector<std::string> ignored;  // "FILE:LINE: KEY": libvirt's, without effect here
};

/// Throws ConfSyntax or ConfigUnsupported with file, line and key for anything it does not understand.
Config parse_config(const std::string& text, const std::string& file);

/// The directory of the sockets of libvirt's other daemons.
std::string sibling_sockets(const Paths& paths, const Config& config);

}  // namespace driver
