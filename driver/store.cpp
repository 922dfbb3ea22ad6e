#include "driver/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <map>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "container/control_socket.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"

namespace driver {
namespace {

constexpr int kStatusVersion = 1;  // higher whenever an older daemon would do harm with such a file
constexpr char kStatusSuffix[] = ".status";
constexpr char kDamagedSuffix[] = ".damaged";
constexpr char kUnfinishedSuffix[] = ".status.new";
constexpr char kSocketSuffix[] = ".sock";  // of supervisors

namespace fs = std::filesystem;

std::string config_text(const domain_xml::DomainDefinition& definition) {
  // A name with "--" would end the comment; the file must stay well-formed whatever the name is.
  std::string shown = definition.name;
  for (auto at = shown.find("--"); at != std::string::npos; at = shown.find("--", at)) shown.replace(at, 2, "-_");
  return "<!--\nThis file is written by virtlxcelld and will be overwritten: change it with\n  virsh edit " + shown +
         "\n-->\n\n" + domain_xml::format_domain(definition, domain_xml::View::Inactive);
}

/// The same path, whose folder exists now.
const std::string& prepared(const std::string& journal) {
  make_directories(journal.substr(0, journal.rfind('/')), 0700);
  return journal;
}

/// Those of the files in `directory`, without it.
std::vector<std::string> names_with(std::string_view suffix, const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : list_directory(directory)) {
    std::string name = entry.path().filename().string();
    if (std::error_code error; !name.ends_with(suffix) || !entry.is_regular_file(error)) continue;
    names.push_back(name.substr(0, name.size() - suffix.size()));
  }
  return names;
}

/// Out of the way of a good one, and there for whoever wants to mend it.
void set_aside(const std::string& path) {
  const std::string aside = path + kDamagedSuffix;
  if (::rename(path.c_str(), aside.c_str()) < 0)
    base::fail_errno(base::Code::SystemError, "'", path, "' is damaged and cannot be set aside");
  base::log::error("'{}' is damaged: set aside as '{}'", path, aside);
}

template <typename Number>
Number parse_number(std::string_view key, std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    base::fail(base::Code::InternalError, "state file has a bad value '", text, "' for ", key);
  return value;
}

/// It comes first in a file.
void require_known_version(int version) {
  if (version > kStatusVersion)
    base::fail(base::Code::OperationUnsupported, "it was written by a newer virtlxcelld (version ", version,
               " of state files, this one knows ", kStatusVersion, ")");
}

}  // namespace

Store::Store(const Paths& paths) : paths_(paths), files_(paths), journal_(files_, prepared(paths.journal)) {
  make_directories(paths_.run, 0755);
  make_directories(paths_.logs, 0700);
}

std::string Store::status_path(const std::string& name) const {
  return paths_.run + "/" + name + kStatusSuffix;
}

void Store::save_definition(const domain_xml::DomainDefinition& definition) {
  journal_.commit({{.name = definition.name, .text = config_text(definition)}});
}

void Store::remove_definition(const std::string& name) {
  journal_.commit({{.name = name, .removed = true, .autostart = false}});
}

void Store::rename_definition(const std::string& old_name, const domain_xml::DomainDefinition& definition,
                              bool autostart) {
  journal_.commit({{.name = definition.name, .text = config_text(definition), .autostart = autostart},
                   {.name = old_name, .removed = true, .autostart = false}});
}

std::vector<domain_xml::DomainDefinition> Store::load_definitions() {
  journal_.settle();
  std::map<std::string, std::string> texts;
  for (auto& [name, text] : files_.read()) texts[name] = std::move(text);
  for (const auto& [name, change] : journal_.pending()) {  // what the disk does not let into the files
    if (change->text) texts[name] = *change->text;
    if (change->removed) texts.erase(name);
  }
  std::vector<domain_xml::DomainDefinition> definitions;
  for (const auto& [name, text] : texts) {
    try {
      definitions.push_back(domain_xml::parse_domain(text));
    } catch (const base::Error& problem) {
      report_definition(name, problem);
    }
  }
  return definitions;
}

void Store::report_definition(const std::string& name, const base::Error& problem) const {
  const std::string path = paths_.definitions + "/" + name + ".xml";
  base::log::error("cannot load '{}': {}", path, problem.message());
  if (problem.code() != base::Code::XmlDetail) return;
  try {
    set_aside(path);
  } catch (const base::Error& error) {
    base::log::error("{}", error.message());
  }
}

void Store::set_autostart(const std::string& name, bool enabled) {
  journal_.commit({{.name = name, .autostart = enabled}});
  journal_.settle();  // nobody is in a hurry here, and who looks for the link finds it
}

bool Store::autostart(const std::string& name) const {
  const auto pending = journal_.pending();
  const auto at = pending.find(name);
  return at != pending.end() && at->second->autostart ? *at->second->autostart : files_.autostart(name);
}

bool Store::first_start_since_boot() {
  const std::string marker = paths_.run + "/autostarted";
  const base::Fd fd(::open(marker.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd && errno != EEXIST) base::fail_errno(base::Code::SystemError, "cannot make '", marker, "'");
  return static_cast<bool>(fd);
}

void Store::save_status(const SavedStatus& saved) {
  require_managed(saved.live.name);
  restore_status(saved);
}

void Store::restore_status(const SavedStatus& saved) const {
  const std::string path = status_path(saved.live.name);
  const std::string temporary = path + ".new";
  const std::string text = format_status(saved);
  try {
    const base::Fd fd = base::open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    base::write_all(fd.get(), text.data(), text.size(), temporary);
    if (::rename(temporary.c_str(), path.c_str()) < 0)
      base::fail_errno(base::Code::SystemError, "cannot replace '", path, "'");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void Store::remove_status(const std::string& name) noexcept {
  const std::string path = status_path(name);
  base::remove_leftover(path);
  if (::access(path.c_str(), F_OK) < 0 && errno == ENOENT) return;
  try {
    take_back_restart(name);
  } catch (const std::exception& error) {
    base::log::error("domain '{}': remove '{}', for which the next daemon may start it again: {}", name, path,
                     error.what());
  }
}

/// A file that stays is read by the next daemon, and what it was about to do is over. In a folder where nothing can be
/// made the file itself may still be written; cut short it is damaged, and starts nothing.
void Store::take_back_restart(const std::string& name) {
  auto saved = load_status(name);
  if (!saved || !saved->restarting) return;
  saved->restarting = false;
  try {
    save_status(*saved);
  } catch (const base::Error&) {
    const std::string path = status_path(name), text = format_status(*saved);
    const base::Fd fd = base::open_file(path, O_WRONLY | O_TRUNC | O_NOFOLLOW);
    base::write_all(fd.get(), text.data(), text.size(), path);
  }
}

std::vector<std::string> Store::status_names() const {
  // Cut short by the end of an earlier daemon; the files they were to replace are whole.
  for (const auto& name : names_with(kUnfinishedSuffix, paths_.run))
    base::remove_leftover(paths_.run + "/" + name + kUnfinishedSuffix);
  remove_deserted_sockets();
  auto names = names_with(kStatusSuffix, paths_.run);
  for (auto& name : names_with(std::string(kStatusSuffix) + kDamagedSuffix, paths_.run))
    if (std::ranges::count(names, name) == 0) names.push_back(std::move(name));
  return names;
}

/// Those of domains with a status file go with their runs.
void Store::remove_deserted_sockets() const try {
  for (const auto& entry : list_directory(paths_.run)) {
    const auto& path = entry.path();
    std::error_code error;
    if (path.extension() != kSocketSuffix || !entry.is_socket(error)) continue;
    if (fs::exists(status_path(path.stem().string()), error) || error) continue;
    if (container::is_deserted(paths_.run, path.filename().string())) base::remove_leftover(path.string());
  }
} catch (const base::Error& error) {
  base::log::warning("cannot look for sockets that nobody needs: {}", error.message());
}

std::optional<SavedStatus> Store::load_status(const std::string& name) const {
  const auto text = base::read_file_if_any(status_path(name));
  if (!text) return std::nullopt;
  auto saved = parse_status(*text);
  if (saved.live.name != name) base::fail(base::Code::InternalError, "state file is of domain '", saved.live.name, "'");
  return saved;
}

void Store::set_status_aside(const std::string& name) {
  set_aside(status_path(name));
}

std::optional<domain_xml::DomainDefinition> Store::definition_set_aside(const std::string& name) const {
  try {
    const auto text = base::read_file_if_any(status_path(name) + kDamagedSuffix);
    const auto end = text ? text->find("\n\n") : std::string::npos;
    if (end == std::string::npos) return std::nullopt;
    auto definition = domain_xml::parse_status_domain(std::string_view(*text).substr(end + 2));
    if (definition.name == name) return definition;
  } catch (const base::Error& error) {
    base::log::info("what was set aside of domain '{}' has no definition: {}", name, error.message());
  }
  return std::nullopt;
}

void Store::keep_status(const std::string& name, const std::string& why) {
  const std::scoped_lock lock(mutex_);
  kept_[name] = why;
}

void Store::let_go_of_status(const std::string& name) noexcept {
  const std::scoped_lock lock(mutex_);
  kept_.erase(name);
}

void Store::require_managed(const std::string& name) const {
  const std::scoped_lock lock(mutex_);
  if (const auto kept = kept_.find(name); kept != kept_.end())
    base::fail(base::Code::OperationInvalid, "domain '", name,
               "' has a container that this daemon leaves alone: ", kept->second);
}

std::string format_status(const SavedStatus& saved) {
  const auto& facts = saved.facts;
  std::string text = fmt::format(
      "version={}\nstate={}\nreason={}\nshutdown_requested={}\nrestarting={}\nfroze={}\n"
      "supervisor_pid={}\nsupervisor_start_time={}\ninit_pid={}\ncgroup_partition={}\ncgroup_leaf={}\n",
      kStatusVersion, saved.status.state, saved.status.reason, saved.shutdown_requested ? 1 : 0,
      saved.restarting ? 1 : 0, saved.froze ? 1 : 0, facts.supervisor_pid, facts.supervisor_start_time, facts.init_pid,
      facts.cgroup_partition, facts.cgroup_leaf);
  for (const auto& link : facts.host_links) text += "host_link=" + link + "\n";
  for (const auto& path : facts.console_paths) text += "console_path=" + path + "\n";
  for (const auto& path : facts.mount_points) text += "mount_point=" + path + "\n";
  return text + "\n" + domain_xml::format_domain(saved.live, domain_xml::View::Status, facts.supervisor_pid);
}

SavedStatus parse_status(const std::string& text) {
  const auto end = text.find("\n\n");
  if (end == std::string::npos) base::fail(base::Code::InternalError, "state file ends before its domain");
  SavedStatus saved;
  saved.froze = true;            // an earlier version did not say
  bool says_supervisor = false;  // or it would count as an interrupted start, whatever runs
  std::string_view lines = std::string_view(text).substr(0, end);
  while (!lines.empty()) {
    const auto newline = lines.find('\n');
    const std::string_view line = lines.substr(0, newline);
    lines = newline == std::string_view::npos ? std::string_view{} : lines.substr(newline + 1);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos)
      base::fail(base::Code::InternalError, "state file has a bad line '", line, "'");
    const std::string_view key = line.substr(0, equals);
    const std::string_view value = line.substr(equals + 1);
    auto& facts = saved.facts;
    if (key == "version")
      require_known_version(parse_number<int>(key, value));
    else if (key == "state")
      saved.status.state = parse_number<int>(key, value);
    else if (key == "reason")
      saved.status.reason = parse_number<int>(key, value);
    else if (key == "shutdown_requested")
      saved.shutdown_requested = value == "1";
    else if (key == "restarting")
      saved.restarting = value == "1";
    else if (key == "froze")
      saved.froze = value != "0";
    else if (key == "supervisor_pid") {
      facts.supervisor_pid = parse_number<pid_t>(key, value);
      says_supervisor = true;
    } else if (key == "supervisor_start_time")
      facts.supervisor_start_time = parse_number<unsigned long long>(key, value);
    else if (key == "init_pid")
      facts.init_pid = parse_number<pid_t>(key, value);
    else if (key == "cgroup_partition")
      facts.cgroup_partition = value;
    else if (key == "cgroup_leaf")
      facts.cgroup_leaf = value;
    else if (key == "host_link")
      facts.host_links.emplace_back(value);
    else if (key == "console_path")
      facts.console_paths.emplace_back(value);
    else if (key == "mount_point")
      facts.mount_points.emplace_back(value);
    // Unknown keys are a newer daemon's and ignored.
  }
  if (!says_supervisor) base::fail(base::Code::InternalError, "state file does not say its supervisor");
  saved.live = domain_xml::parse_status_domain(std::string_view(text).substr(end + 2));
  return saved;
}

}  // namespace driver
