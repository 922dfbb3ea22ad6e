// process: what init is, and what it may do.
#include <algorithm>

#include "base/error.hpp"
#include "domain-xml/native_oci.hpp"

namespace domain_xml {

using base::Code;
using base::fail;

namespace {

void read_arguments(Os& os, JsonObject& process) {
  const std::string origin = process.origin("args");
  auto words = process.take_strings("args");
  if (words.empty()) return;
  if (!words.front().starts_with('/'))
    fail(Code::ConfigUnsupported, origin, ": an absolute path is needed, such as /bin/", words.front());
  if (std::find(words.begin(), words.end(), "") != words.end())
    fail(Code::ConfigUnsupported, origin, ": init cannot be given an empty argument");
  os.init = std::move(words.front());
  os.init_args.assign(words.begin() + 1, words.end());
}

void read_environment(Conversion& conversion, JsonObject& process) {
  for (const std::string& variable : process.take_strings("env")) {
    const auto equals = variable.find('=');
    const std::string origin = origin_of("process.env", variable);
    if (equals == std::string::npos || equals == 0) fail(Code::InvalidArg, origin, ": NAME=VALUE is needed");
    if (equals + 1 == variable.size())
      conversion.skip(origin, "its value is empty");
    else
      conversion.definition.os.init_env.push_back({variable.substr(0, equals), variable.substr(equals + 1)});
  }
}

void read_user(Os& os, const JsonObject& process) {
  auto user = process.object("user");
  if (!user) return;
  const auto id = [&](const char* name) -> std::string {
    const std::string origin = user->origin(name);
    const std::uint64_t number = unsigned_json(origin, user->take_integer(name).value_or(0));
    if (number > UINT32_MAX) fail(Code::InvalidArg, origin, ": an id is needed");
    return number == 0 ? "" : std::to_string(number);
  };
  os.init_user = id("uid");
  os.init_group = id("gid");
}

/// The bounding set decides; the other sets are left out where they say something else.
void read_capabilities(Conversion& conversion, const JsonObject& process) {
  auto capabilities = process.object("capabilities");
  if (!capabilities) return;
  const std::string origin = capabilities->origin("bounding");
  auto bounding = capabilities->take_strings("bounding");
  set_native_capabilities(conversion, origin, CapabilityPolicy::Deny, bounding);
  std::sort(bounding.begin(), bounding.end());
  for (const char* name : {"effective", "permitted", "inheritable", "ambient"}) {
    if (!capabilities->has(name)) continue;
    const std::string of_set = capabilities->origin(name);
    auto names = capabilities->take_strings(name);
    std::sort(names.begin(), names.end());
    const bool ambient = std::string_view(name) == "ambient";
    if (names != bounding && !(names.empty() && ambient))
      conversion.skip(of_set, "it is the bounding set in a container");
  }
}

void read_limits(Conversion& conversion, const JsonObject& process) {
  for (JsonObject limit : process.objects("rlimits")) {
    const std::string origin = limit.origin();
    std::string name = limit.take_string("type").value_or("");
    if (!name.starts_with("RLIMIT_")) fail(Code::InvalidArg, origin, ": a type such as RLIMIT_NOFILE is needed");
    name.erase(0, std::string_view("RLIMIT_").size());
    std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c | 0x20 : c; });
    const auto value = [&](const char* member) -> std::optional<std::uint64_t> {
      const std::int64_t number = limit.take_integer(member).value_or(0);
      if (number == kMaxJsonInteger) return std::nullopt;
      return unsigned_json(origin, number);
    };
    const auto soft = value("soft");
    set_resource_limit(conversion, origin, name, soft, value("hard"));
  }
}

}  // namespace

void read_oci_process(Conversion& conversion, JsonObject process) {
  Os& os = conversion.definition.os;
  read_arguments(os, process);
  read_environment(conversion, process);
  const std::string cwd = process.take_string("cwd").value_or("/");
  if (cwd != "/") os.init_dir = cwd;
  read_user(os, process);
  read_capabilities(conversion, process);
  read_limits(conversion, process);
  const std::string origin = process.origin("noNewPrivileges");
  if (process.take_bool("noNewPrivileges").value_or(false)) set_no_new_privileges(conversion, origin);
  process.drop("terminal");  // a container's init has one in any case
}

}  // namespace domain_xml
