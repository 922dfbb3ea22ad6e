// virtlxcelld.conf: libvirt's syntax and keys, and what is refused.
#include "driver/config.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "driver/config_file.hpp"

namespace driver {
namespace {

using Texts = std::vector<std::string>;

std::vector<ConfigEntry> parsed(const std::string& text) {
  return parse_config_file(text, "x.conf");
}

std::string refusal(const std::string& text) {
  try {
    parse_config(text, "x.conf");
  } catch (const base::Error& error) {
    return error.detail();
  }
  return "";
}

TEST(ConfigFile, NumbersTextsAndLists) {
  const auto entries = parsed(
      "# a comment\n\n"
      "  number = 17   # and one behind\n"
      "negative=-1\r\n"
      "double = \"a # is text ' here\"\n"
      "single = 'a \"quoted\" word'\n"
      "long = \"\"\"two\nlines\"\"\"\n"
      "list = [ \"one\", 'two',\n  # between\n  \"three\", ]\n"
      "empty = []\n"
      "last = 1");
  ASSERT_EQ(entries.size(), 8u);
  EXPECT_EQ(std::get<long>(entries[0].value), 17);
  EXPECT_EQ(entries[0].line, 3);
  EXPECT_EQ(std::get<long>(entries[1].value), -1);
  EXPECT_EQ(std::get<std::string>(entries[2].value), "a # is text ' here");
  EXPECT_EQ(std::get<std::string>(entries[3].value), "a \"quoted\" word");
  EXPECT_EQ(std::get<std::string>(entries[4].value), "two\nlines");
  EXPECT_EQ(std::get<Texts>(entries[5].value), (Texts{"one", "two", "three"}));
  EXPECT_EQ(entries[6].line, 12);
  EXPECT_EQ(std::get<Texts>(entries[6].value), Texts{});
  EXPECT_EQ(entries[7].key, "last");
}

TEST(ConfigFile, NonsenseIsRefusedWithItsLine) {
  EXPECT_EQ(refusal("\nmax_clients 5\n"), "x.conf:2: 'key = value' is expected");
  EXPECT_EQ(refusal("= 5\n"), "x.conf:1: a key is expected");
  EXPECT_EQ(refusal("max_clients =\n"), "x.conf:1: a number, a quoted text or a list is expected");
  EXPECT_EQ(refusal("max_clients ="), "x.conf:1: a value is expected");
  EXPECT_EQ(refusal("max_clients = 5 6\n"), "x.conf:1: nothing more is expected after the value");
  EXPECT_EQ(refusal("log_file = \"a\nb\"\n"), "x.conf:1: the text has no closing quote");
  EXPECT_EQ(refusal("log_file = \"\"\"a\nb\n"), "x.conf:1: the text has no closing quote");
  EXPECT_EQ(refusal("access_drivers = [ \"polkit\" \"none\" ]\n"), "x.conf:1: the list has no closing bracket");
  EXPECT_EQ(refusal("access_drivers = [ 5 ]\n"), "x.conf:1: a list of quoted texts is expected");
  EXPECT_EQ(refusal("access_drivers = [ \"polkit\",\n\n"), "x.conf:3: the list has no closing bracket");
  EXPECT_EQ(refusal("max_clients = 99999999999999999999\n"), "x.conf:1: a number, a quoted text or a list is expected");
}

TEST(Config, WhoMayAsk) {
  const Config config = parse_config(
      "unix_sock_group = \"libvirt\"\nunix_sock_rw_perms = \"0770\"\nauth_unix_rw = \"polkit\"\n"
      "auth_unix_ro = \"none\"\naccess_drivers = [ \"polkit\" ]\nunix_sock_dir = \"/run/elsewhere\"\n",
      "x.conf");
  EXPECT_EQ(config.unix_sock_group, "libvirt");
  EXPECT_EQ(config.unix_sock_rw_perms, 0770u);
  EXPECT_EQ(config.auth_unix_rw, Authentication::Polkit);
  EXPECT_EQ(config.auth_unix_ro, Authentication::None);
  EXPECT_TRUE(config.access_by_polkit);
  EXPECT_EQ(config.unix_sock_dir, "/run/elsewhere");
  EXPECT_FALSE(parse_config("access_drivers = [ \"none\" ]\n", "x.conf").access_by_polkit);
  EXPECT_FALSE(parse_config("access_drivers = []\n", "x.conf").access_by_polkit);
  EXPECT_EQ(refusal("auth_unix_rw = \"sasl\"\n"), "x.conf:1: auth_unix_rw: \"none\" or \"polkit\" is expected");
  EXPECT_EQ(refusal("access_drivers = \"selinux\"\n"),
            "x.conf:1: access_drivers: only \"polkit\" and \"none\" are known");
  EXPECT_EQ(refusal("unix_sock_rw_perms = \"888\"\n"),
            "x.conf:1: unix_sock_rw_perms: an octal mode such as \"0770\" is expected");
  EXPECT_EQ(refusal("unix_sock_dir = \"here\"\n"), "x.conf:1: unix_sock_dir: an absolute path is expected");
}

TEST(Config, Limits) {
  const auto limits = parse_config(
                          "max_clients = 7\nmax_queued_clients = 8\nmax_anonymous_clients = 9\nmax_workers = 10\n"
                          "prio_workers = 11\nmax_client_requests = 12\nkeepalive_interval = -1\nkeepalive_count = 0\n",
                          "x.conf")
                          .limits;
  EXPECT_EQ(limits.max_clients, 7u);
  EXPECT_EQ(limits.max_queued_clients, 8u);
  EXPECT_EQ(limits.max_anonymous_clients, 9u);
  EXPECT_EQ(limits.workers, 10u);
  EXPECT_EQ(limits.priority_workers, 11u);
  EXPECT_EQ(limits.max_client_requests, 12u);
  EXPECT_EQ(limits.keepalive_interval_seconds, -1);
  EXPECT_EQ(limits.keepalive_count, 0u);
  EXPECT_EQ(refusal("max_clients = 0\n"), "x.conf:1: max_clients: the number is out of range");
  EXPECT_EQ(refusal("max_clients = \"7\"\n"), "x.conf:1: max_clients: a number is expected");
}

TEST(Config, LogFiltersAndOutputs) {
  const Config config = parse_config("log_filters = \"1:driver 4:rpc\"\nlog_outputs = \"1:file:/x.log\"\n", "x.conf");
  EXPECT_EQ(config.log_filters, "1:driver 4:rpc");
  EXPECT_EQ(config.log_outputs, "1:file:/x.log");
  EXPECT_EQ(refusal("log_filters = \"driver\"\n"), "x.conf:1: log_filters: \"LEVEL:MATCH ...\" is expected");
  EXPECT_NE(refusal("log_outputs = \"1:file:x.log\"\n"), "");
}

// Every key that libvirt's daemons of version 9 have, as their packaged file shows them.
TEST(Config, EveryKeyOfLibvirtsDaemons) {
  const std::string text =
      "listen_tls = 0\nlisten_tcp = 1\ntls_port = \"16514\"\ntcp_port = \"16509\"\nlisten_addr = \"192.168.0.1\"\n"
      "unix_sock_group = \"libvirt\"\nunix_sock_ro_perms = \"0777\"\nunix_sock_rw_perms = \"0770\"\n"
      "unix_sock_admin_perms = \"0700\"\nunix_sock_dir = \"/run/libvirt\"\nauth_unix_ro = \"polkit\"\n"
      "auth_unix_rw = \"polkit\"\nauth_tcp = \"sasl\"\nauth_tls = \"none\"\ntcp_min_ssf = 112\n"
      "access_drivers = [ \"polkit\" ]\nkey_file = \"/k\"\ncert_file = \"/c\"\nca_file = \"/a\"\ncrl_file = \"/r\"\n"
      "tls_no_sanity_certificate = 1\ntls_no_verify_certificate = 1\ntls_allowed_dn_list = [\"DN1\", \"DN2\"]\n"
      "tls_priority=\"NORMAL\"\nsasl_allowed_username_list = [\"joe@EXAMPLE.COM\", \"fred@EXAMPLE.COM\" ]\n"
      "max_clients = 5000\nmax_queued_clients = 1000\nmax_anonymous_clients = 20\nmin_workers = 5\nmax_workers = 20\n"
      "prio_workers = 5\nmax_client_requests = 5\nadmin_min_workers = 1\nadmin_max_workers = 5\nadmin_max_clients = 5\n"
      "admin_max_queued_clients = 5\nadmin_max_client_requests = 5\nlog_level = 3\n"
      "log_filters=\"1:qemu 1:libvirt 4:object\"\nlog_outputs=\"3:syslog:libvirtd\"\naudit_level = 2\n"
      "audit_logging = 1\nhost_uuid = \"00000000-0000-0000-0000-000000000000\"\nhost_uuid_source = \"smbios\"\n"
      "keepalive_interval = 5\nkeepalive_count = 5\nkeepalive_required = 1\nadmin_keepalive_required = 1\n"
      "admin_keepalive_interval = 5\nadmin_keepalive_count = 5\novs_timeout = 5\n";
  const Config config = parse_config(text, "x.conf");
  EXPECT_EQ(config.limits.workers, 20u);
  EXPECT_EQ(config.ignored.front(), "x.conf:1: listen_tls");
  EXPECT_EQ(config.ignored.size(), 23u);
}

TEST(Config, OurOwnFileAsInstalled) {
  std::ostringstream text;
  text << std::ifstream(SOURCE_DIR "/driver/virtlxcelld.conf").rdbuf();
  const Config config = parse_config(text.str(), "virtlxcelld.conf");
  EXPECT_EQ(config.auth_unix_rw, Authentication::Polkit);
  EXPECT_EQ(config.unix_sock_rw_perms, 0777u);
  EXPECT_TRUE(config.ignored.empty());
  // With every comment that shows a key taken away: they are all real keys.
  std::string shown;
  std::istringstream lines(text.str());
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("#") && line.size() > 1 && line[1] >= 'a' && line[1] <= 'z') shown += line.substr(1) + "\n";
  EXPECT_EQ(refusal(shown), "");
  EXPECT_EQ(refusal("max_cleints = 5\n"), "x.conf:1: max_cleints: unknown key");
}

}  // namespace
}  // namespace driver
