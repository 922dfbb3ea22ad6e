#include "driver/hooks.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/command.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "domain-xml/format.hpp"

namespace driver {
namespace {

struct Words {
  const char* operation;
  const char* suboperation;
  domain_xml::View view;
};

Words words_of(HookMoment moment) {
  using domain_xml::View;
  switch (moment) {
    case HookMoment::Prepare:
      return {"prepare", "begin", View::Inactive};
    case HookMoment::Start:
      return {"start", "begin", View::Inactive};
    case HookMoment::Started:
      return {"started", "begin", View::Live};
    case HookMoment::Stopped:
      return {"stopped", "end", View::Live};
    case HookMoment::Release:
      return {"release", "end", View::Inactive};
    case HookMoment::Reconnect:
      break;
  }
  return {"reconnect", "begin", View::Live};
}

bool executable(const std::string& path) {
  std::error_code error;
  return ::access(path.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(path, error);
}

std::vector<std::string> find_programs(const std::string& path) {
  std::vector<std::string> programs;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path + ".d", error))
    if (executable(entry.path())) programs.push_back(entry.path());
  std::ranges::sort(programs);
  if (executable(path)) programs.insert(programs.begin(), path);
  return programs;
}

std::vector<std::string> environment() {
  std::vector<std::string> list = {"LC_ALL=C"};
  for (const char* name : {"PATH", "HOME", "USER", "LOGNAME", "TMPDIR"})
    if (const char* value = ::secure_getenv(name)) list.push_back(base::join(name, "=", value));
  return list;
}

}  // namespace

void Hooks::run(HookMoment moment, const domain_xml::DomainDefinition& definition, int id) const {
  const auto programs = find_programs(path_);
  if (programs.empty()) return;
  const auto [operation, suboperation, view] = words_of(moment);
  const bool live = view == domain_xml::View::Live;
  const std::string xml =
      domain_xml::format_domain(definition, view, live && id > 0 ? std::optional(id) : std::nullopt);
  for (const auto& program : programs) {
    const auto result = base::run_command({program, definition.name, operation, suboperation, "-"}, environment(), xml);
    if (!result.succeeded())
      base::fail(base::Code::HookScriptFailed, "'", program, " ", definition.name, " ", operation, " ", suboperation,
                 " -' ended with ", result.description());
  }
}

void Hooks::tell(HookMoment moment, const domain_xml::DomainDefinition& definition, int id) const noexcept {
  try {
    run(moment, definition, id);
  } catch (const std::exception& error) {
    base::log::warning("domain '{}': {}", definition.name, error.what());
  }
}

}  // namespace driver
