#include "container/security.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/second_try.hpp"

namespace container {
namespace {

using base::Code;

constexpr unsigned kCategories = 1024;
constexpr unsigned kPairs = kCategories * (kCategories - 1) / 2;

bool selinux_enabled() {
  if (::access("/sys/fs/selinux/enforce", F_OK) == 0) return true;
  if (base::is_shortage(errno)) base::fail_errno(Code::SystemError, "cannot look for SELinux");
  return false;
}

std::string value_of(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto start = line.find_first_not_of(" \t");
    if (start == std::string::npos || line.compare(start, key.size(), key) != 0) continue;
    const auto next = line.find_first_not_of(" \t", start + key.size());
    if (next == std::string::npos || line[next] != '=') continue;
    const auto open = line.find('"', next), close = line.find('"', open + 1);
    if (open != std::string::npos && close != std::string::npos) return line.substr(open + 1, close - open - 1);
  }
  return "";
}

/// The policy's name, "targeted", from /etc/selinux/config: SELINUXTYPE=targeted.
std::string policy_type() {
  std::istringstream lines(base::read_file("/etc/selinux/config"));
  const std::string key = "SELINUXTYPE=";
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key)) return line.substr(key.size(), line.find_last_not_of(" \t\r") + 1 - key.size());
  base::fail(Code::SystemError, "no SELINUXTYPE in '/etc/selinux/config'");
}

/// Throws ConfigUnsupported for a context that the loaded policy does not know.
void require_context(const std::string& context) {
  const base::Fd file = base::open_file("/sys/fs/selinux/context", O_WRONLY);
  if (::write(file.get(), context.data(), context.size()) < 0)
    base::fail(Code::ConfigUnsupported, "SELinux's policy has no context '", context, "'");
}

LxcContexts read_lxc_contexts() {
  const std::string path = "/etc/selinux/" + policy_type() + "/contexts/lxc_contexts";
  LxcContexts contexts = parse_lxc_contexts(base::read_file(path));
  if (contexts.process.empty() || contexts.file.empty())
    base::fail(Code::SystemError, "no contexts 'process' and 'file' in '", path, "'");
  require_context(contexts.process);
  require_context(contexts.file);
  return contexts;
}

/// The `index`-th of all pairs first < second.
std::string pair_text(unsigned index) {
  unsigned first = 0;
  for (unsigned row = kCategories - 1; index >= row; --row) {
    index -= row;
    ++first;
  }
  return "c" + std::to_string(first) + ",c" + std::to_string(first + 1 + index);
}

unsigned hash_of(const base::Uuid& uuid) {
  unsigned hash = 2166136261U;  // FNV-1a
  for (const char byte : base::format_uuid(uuid)) hash = (hash ^ static_cast<unsigned char>(byte)) * 16777619U;
  return hash;
}

}  // namespace

std::string find_security_model(const std::string& wanted) {
  if (wanted == "none") return wanted;
  const bool apparmor = base::with_second_try(AppArmor::enabled), selinux = base::with_second_try(selinux_enabled);
  if (wanted.empty()) return apparmor ? "apparmor" : selinux ? "selinux" : "none";
  if ((wanted == "apparmor" && apparmor) || (wanted == "selinux" && selinux)) return wanted;
  if (wanted == "apparmor" || wanted == "selinux")
    base::fail(Code::ConfigUnsupported, "security driver '", wanted, "' is not enabled on this host");
  base::fail(Code::ConfigUnsupported, "unknown security driver '", wanted, "'");
}

LxcContexts parse_lxc_contexts(const std::string& text) {
  return {value_of(text, "process"), value_of(text, "file")};
}

std::string McsCategories::take(const base::Uuid& uuid) {
  const std::scoped_lock lock(mutex_);
  for (unsigned step = 0, start = hash_of(uuid); step < kPairs; ++step) {
    const std::string pair = pair_text((start + step) % kPairs);
    if (const auto [owner, taken] = owners_.try_emplace(pair, uuid); taken || owner->second == uuid) return pair;
  }
  base::fail(Code::OperationFailed, "all pairs of SELinux categories are in use");
}

void McsCategories::keep(const base::Uuid& uuid, const std::string& label) {
  const auto colon = label.rfind(':');
  const std::scoped_lock lock(mutex_);
  if (colon != std::string::npos) owners_.emplace(label.substr(colon + 1), uuid);
}

void McsCategories::release(const base::Uuid& uuid) noexcept {
  const std::scoped_lock lock(mutex_);
  std::erase_if(owners_, [&](const auto& entry) { return entry.second == uuid; });
}

Security::Security(const SecurityConfig& config)
    : config_(config), model_(find_security_model(config.driver)), apparmor_(config.apparmor_profile) {
  if (model_ != "apparmor") return;
  if (const std::string problem = apparmor_.prepare(); !problem.empty())
    base::log::warning("containers cannot be confined by AppArmor: {}", problem);
}

std::string Security::base_label() const try {
  return model_ == "selinux" ? read_lxc_contexts().process : "";
} catch (const base::Error&) {
  return "";  // said at the start of a container
}

SecurityFacts Security::facts(const base::Uuid& uuid) {
  SecurityFacts facts{
      .model = model_, .default_confined = config_.default_confined, .require_confined = config_.require_confined};
  if (model_ == "apparmor") facts.problem = apparmor_.prepare();
  if (model_ != "selinux") return facts;
  try {
    const LxcContexts contexts = read_lxc_contexts();
    facts.process_context = contexts.process;
    facts.file_context = contexts.file;
    facts.categories = categories_.take(uuid);
  } catch (const base::Error& error) {
    facts.problem = error.message();
  }
  return facts;
}

LabelPlan Security::plan(const domain_xml::DomainDefinition& definition) {
  const LabelPlan label = plan_label(definition, facts(definition.uuid));
  // Before anything is made: the kernel refuses it to init and to mounts, whose errors say less.
  if (model_ == "selinux" && label.confined()) require_context(label.label);
  if (model_ == "selinux" && !label.image_label.empty()) require_context(label.image_label);
  if (!label.warning.empty())
    base::log::warning("domain '{}' runs without confinement by {}: {}", definition.name, model_, label.warning);
  return label;
}

void Security::load(const LabelPlan& label) {
  if (!label.own_profile.empty()) apparmor_.load(label.own_profile, label.label);
}

void Security::adopt(const domain_xml::DomainDefinition& live) {
  const auto* const label = find_label(live, model_);
  if (label && model_ == "selinux" && label->type == domain_xml::SecurityLabelType::Dynamic)
    categories_.keep(live.uuid, label->label);
}

void Security::release(const base::Uuid& uuid) noexcept {
  if (model_ == "apparmor") AppArmor::unload(own_profile_name(uuid));
  categories_.release(uuid);
}

}  // namespace container
