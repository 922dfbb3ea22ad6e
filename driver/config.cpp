#include "driver/config.hpp"

#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <string_view>

#include "base/error.hpp"
#include "driver/config_file.hpp"

namespace driver {
namespace {

struct Line {
  const std::string& file;
  const ConfigEntry& entry;

  [[noreturn]] void refuse(std::string_view why) const {
    base::fail(base::Code::ConfigUnsupported, file, ":", entry.line, ": ", entry.key, ": ", why);
  }

  const std::string& text() const {
    const auto* const found = std::get_if<std::string>(&entry.value);
    if (!found) refuse("a quoted string is expected");
    return *found;
  }

  long integer() const {
    const auto* const found = std::get_if<long>(&entry.value);
    if (!found) refuse("a number is expected");
    return *found;
  }

  /// A list of one may be written as its text.
  std::vector<std::string> texts() const {
    if (const auto* const found = std::get_if<std::vector<std::string>>(&entry.value)) return *found;
    if (!std::holds_alternative<std::string>(entry.value)) refuse("a list of quoted strings is expected");
    return {text()};
  }

  unsigned count(unsigned least) const {
    const long number_given = integer();
    if (number_given < static_cast<long>(least) || number_given > 1000000) refuse("the number is out of range");
    return static_cast<unsigned>(number_given);
  }

  bool flag() const {
    const long given = integer();
    if (given != 0 && given != 1) refuse("0 or 1 is expected");
    return given == 1;
  }

  unsigned permissions() const {
    const std::string& digits = text();
    char* end = nullptr;
    const unsigned long mode = std::strtoul(digits.c_str(), &end, 8);
    if (digits.empty() || digits.front() < '0' || digits.front() > '7' || *end != '\0' || mode > 0777)
      refuse("an octal mode such as \"0770\" is expected");
    return static_cast<unsigned>(mode);
  }

  std::string folder() const {
    if (!text().starts_with('/')) refuse("an absolute path is expected");
    return text();
  }

  Authentication authentication() const {
    if (text() == "none") return Authentication::None;
    if (text() == "polkit") return Authentication::Polkit;
    refuse("\"none\" or \"polkit\" is expected");
  }

  bool names_polkit() const {
    bool found = false;
    for (const auto& name : texts()) {
      if (name != "polkit" && name != "none") refuse("only \"polkit\" and \"none\" are known");
      found = found || name == "polkit";
    }
    return found;
  }

  int seconds() const {
    const long given = integer();
    if (given < -1 || given > 86400) refuse("the number is out of range");
    return static_cast<int>(given);
  }

  Config::DefaultIdMap default_idmap() const {
    const std::string word = text();
    if (word == "none") return Config::DefaultIdMap::None;
    if (word == "identity") return Config::DefaultIdMap::Identity;
    if (word == "auto") return Config::DefaultIdMap::Automatic;
    refuse("\"none\", \"identity\" or \"auto\" is expected");
  }
};

using Setter = std::function<void(Config&, const Line&)>;

const std::map<std::string_view, Setter>& setters() {
  static const std::map<std::string_view, Setter> table = {
      {"unix_sock_group", [](Config& c, const Line& l) { c.unix_sock_group = l.text(); }},
      {"unix_sock_rw_perms", [](Config& c, const Line& l) { c.unix_sock_rw_perms = l.permissions(); }},
      {"unix_sock_ro_perms", [](Config& c, const Line& l) { c.unix_sock_ro_perms = l.permissions(); }},
      {"unix_sock_admin_perms", [](Config& c, const Line& l) { c.unix_sock_admin_perms = l.permissions(); }},
      {"unix_sock_dir", [](Config& c, const Line& l) { c.unix_sock_dir = l.folder(); }},
      {"auth_unix_rw", [](Config& c, const Line& l) { c.auth_unix_rw = l.authentication(); }},
      {"auth_unix_ro", [](Config& c, const Line& l) { c.auth_unix_ro = l.authentication(); }},
      {"access_drivers", [](Config& c, const Line& l) { c.access_by_polkit = l.names_polkit(); }},
      {"max_clients", [](Config& c, const Line& l) { c.limits.max_clients = l.count(1); }},
      {"max_queued_clients", [](Config& c, const Line& l) { c.limits.max_queued_clients = l.count(1); }},
      {"max_anonymous_clients", [](Config& c, const Line& l) { c.limits.max_anonymous_clients = l.count(1); }},
      {"max_client_requests", [](Config& c, const Line& l) { c.limits.max_client_requests = l.count(1); }},
      {"max_workers", [](Config& c, const Line& l) { c.limits.workers = l.count(1); }},
      {"prio_workers", [](Config& c, const Line& l) { c.limits.priority_workers = l.count(1); }},
      {"keepalive_interval", [](Config& c, const Line& l) { c.limits.keepalive_interval_seconds = l.seconds(); }},
      {"keepalive_count", [](Config& c, const Line& l) { c.limits.keepalive_count = l.count(0); }},
      {"min_workers", [](Config& c, const Line& l) { c.min_workers = l.count(0); }},
      {"admin_max_clients", [](Config& c, const Line& l) { c.admin_limits.max_clients = l.count(1); }},
      {"admin_max_queued_clients", [](Config& c, const Line& l) { c.admin_limits.max_queued_clients = l.count(1); }},
      {"admin_max_client_requests", [](Config& c, const Line& l) { c.admin_limits.max_client_requests = l.count(1); }},
      {"admin_keepalive_interval",
       [](Config& c, const Line& l) { c.admin_limits.keepalive_interval_seconds = l.seconds(); }},
      {"admin_keepalive_count", [](Config& c, const Line& l) { c.admin_limits.keepalive_count = l.count(0); }},
      {"log_filters",
       [](Config& c, const Line& l) {
         if (!base::log::parse_filters(c.log_filters = l.text())) l.refuse("\"LEVEL:MATCH ...\" is expected");
       }},
      {"log_outputs",
       [](Config& c, const Line& l) {
         if (!base::log::parse_outputs(c.log_outputs = l.text()))
           l.refuse("\"LEVEL:stderr\", \"LEVEL:journald\", \"LEVEL:syslog:NAME\" or \"LEVEL:file:/PATH\" is expected");
       }},
      {"log_level",
       [](Config& c, const Line& l) {
         switch (l.integer()) {
           case 1:
             c.log_level = base::log::Level::Debug;
             break;
           case 2:
             c.log_level = base::log::Level::Info;
             break;
           case 3:
             c.log_level = base::log::Level::Warning;
             break;
           case 4:
             c.log_level = base::log::Level::Error;
             break;
           default:
             l.refuse("1 (debug), 2 (info), 3 (warning) or 4 (error) is expected");
         }
       }},
      {"log_file", [](Config& c, const Line& l) { c.log_file = l.text(); }},
      {"host_uuid", [](Config& c, const Line& l) { c.host_uuid = l.text(); }},
      {"driver_name", [](Config& c, const Line& l) { c.driver_name = l.text(); }},
      {"supervisor_path", [](Config& c, const Line& l) { c.supervisor_path = l.text(); }},
      {"sibling_socket_dir", [](Config& c, const Line& l) { c.sibling_socket_dir = l.text(); }},
      {"sibling_timeout", [](Config& c, const Line& l) { c.sibling_timeout = std::chrono::seconds(l.count(1)); }},
      {"idmap_user", [](Config& c, const Line& l) { c.idmap_user = l.text(); }},
      {"default_idmap", [](Config& c, const Line& l) { c.default_idmap = l.default_idmap(); }},
      {"security_driver", [](Config& c, const Line& l) { c.security_driver = l.text(); }},
      {"security_default_confined", [](Config& c, const Line& l) { c.security_default_confined = l.flag(); }},
      {"security_require_confined", [](Config& c, const Line& l) { c.security_require_confined = l.flag(); }},
      {"audit_level",
       [](Config& c, const Line& l) {
         c.audit_level = l.count(0);
         if (c.audit_level > 2) l.refuse("0, 1 or 2 is expected");
       }},
      {"audit_logging", [](Config& c, const Line& l) { c.audit_logging = l.flag(); }},
      {"share_host_network",
       [](Config& c, const Line& l) {
         c.share_host_network = l.flag();
         c.share_host_network_given = true;
       }},
      {"share_host_root",
       [](Config& c, const Line& l) {
         c.share_host_root = l.flag();
         c.share_host_root_given = true;
       }},
  };
  return table;
}

/// Keys of libvirt's daemons that are about what is not here: TCP and TLS, threads for administrators, whose calls
/// never wait.
bool is_libvirts(std::string_view key) {
  static const std::set<std::string_view> others = {
      "listen_tls",       "listen_tcp",         "listen_addr", "tcp_port",     "tls_port",
      "mdns_adv",         "mdns_name",          "auth_tcp",    "auth_tls",     "tcp_min_ssf",
      "key_file",         "cert_file",          "ca_file",     "crl_file",     "sasl_allowed_username_list",
      "host_uuid_source", "keepalive_required", "ovs_timeout", "max_requests", "log_buffer_size"};
  return others.contains(key) || key.starts_with("tls_") || key.starts_with("admin_");
}

}  // namespace

Config parse_config(const std::string& text, const std::string& file) {
  Config config;
  for (const ConfigEntry& entry : parse_config_file(text, file)) {
    const Line line{file, entry};
    if (const auto setter = setters().find(entry.key); setter != setters().end())
      setter->second(config, line);
    else if (is_libvirts(entry.key))
      config.ignored.push_back(base::join(file, ":", entry.line, ": ", entry.key));
    else
      line.refuse("unknown key");
  }
  return config;
}

std::string sibling_sockets(const Paths& paths, const Config& config) {
  return config.sibling_socket_dir.empty() ? paths.root + "/run/libvirt" : config.sibling_socket_dir;
}

}  // namespace driver
