#include "driver/config.hpp"

#include <charconv>
#include <cstdlib>
#include <functional>
#include <map>
#include <string_view>

#include "base/error.hpp"

namespace driver {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

struct Line {
  const std::string& file;
  int number;
  std::string_view key, value;

  [[noreturn]] void refuse(std::string_view why) const {
    base::fail(base::Code::ConfigUnsupported, file, ":", number, ": ", key, ": ", why);
  }

  std::string text() const {
    if (value.size() < 2 || (value.front() != '"' && value.front() != '\'') || value.back() != value.front())
      refuse("a quoted string is expected");
    return std::string(value.substr(1, value.size() - 2));
  }

  long integer() const {
    long result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error != std::errc{} || end != value.data() + value.size()) refuse("a number is expected");
    return result;
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
    const std::string digits = text();
    char* end = nullptr;
    const unsigned long mode = std::strtoul(digits.c_str(), &end, 8);
    if (digits.empty() || *end != '\0' || mode > 0777) refuse("an octal mode such as \"0770\" is expected");
    return static_cast<unsigned>(mode);
  }

  std::string authentication() const {
    const std::string word = text();
    if (word != "none") refuse("only \"none\" is supported: who may connect is decided by the socket's mode and group");
    return word;
  }
};

using Setter = std::function<void(Config&, const Line&)>;

const std::map<std::string_view, Setter>& setters() {
  static const std::map<std::string_view, Setter> table = {
      {"unix_sock_group", [](Config& c, const Line& l) { c.unix_sock_group = l.text(); }},
      {"unix_sock_rw_perms", [](Config& c, const Line& l) { c.unix_sock_rw_perms = l.permissions(); }},
      {"unix_sock_ro_perms", [](Config& c, const Line& l) { c.unix_sock_ro_perms = l.permissions(); }},
      {"auth_unix_rw", [](Config& c, const Line& l) { c.auth_unix_rw = l.authentication(); }},
      {"auth_unix_ro", [](Config& c, const Line& l) { c.auth_unix_ro = l.authentication(); }},
      {"max_clients", [](Config& c, const Line& l) { c.limits.max_clients = l.count(1); }},
      {"max_anonymous_clients", [](Config& c, const Line& l) { c.limits.max_anonymous_clients = l.count(1); }},
      {"max_client_requests", [](Config& c, const Line& l) { c.limits.max_client_requests = l.count(1); }},
      {"max_workers", [](Config& c, const Line& l) { c.limits.workers = l.count(1); }},
      {"prio_workers", [](Config& c, const Line& l) { c.limits.priority_workers = l.count(1); }},
      {"keepalive_interval",
       [](Config& c, const Line& l) { c.limits.keepalive_interval_seconds = static_cast<int>(l.integer()); }},
      {"keepalive_count", [](Config& c, const Line& l) { c.limits.keepalive_count = l.count(0); }},
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
      {"idmap_user", [](Config& c, const Line& l) { c.idmap_user = l.text(); }},
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

}  // namespace

Config parse_config(const std::string& text, const std::string& file) {
  Config config;
  int number = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto newline = rest.find('\n');
    const std::string_view raw = trim(rest.substr(0, newline));
    rest = newline == std::string_view::npos ? std::string_view{} : rest.substr(newline + 1);
    ++number;
    if (raw.empty() || raw.front() == '#') continue;
    const auto equals = raw.find('=');
    Line line{file, number, trim(raw.substr(0, equals)), {}};
    if (equals == std::string_view::npos) line.refuse("'key = value' is expected");
    line.value = trim(raw.substr(equals + 1));
    const auto setter = setters().find(line.key);
    if (setter == setters().end()) line.refuse("unknown key");
    setter->second(config, line);
  }
  return config;
}

}  // namespace driver
