#include "container/seccomp_profile.hpp"

#include <sys/capability.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "domain-xml/native_json.hpp"

namespace container {
namespace {

using base::Code;
using base::fail;
using domain_xml::JsonObject;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return text;
}

/// What this architecture is called in `includes` and `excludes`.
const char* native_word() {
  switch (seccomp_arch_native()) {
    case SCMP_ARCH_X86:
      return "x86";
    case SCMP_ARCH_X86_64:
      return "amd64";
    case SCMP_ARCH_ARM:
      return "arm";
    case SCMP_ARCH_AARCH64:
      return "arm64";
    case SCMP_ARCH_PPC64LE:
      return "ppc64le";
    case SCMP_ARCH_RISCV64:
      return "riscv64";
    case SCMP_ARCH_S390X:
      return "s390x";
    default:
      return "";
  }
}

std::uint32_t architecture(const std::string& word, const std::string& origin) {
  constexpr std::string_view kPrefix = "SCMP_ARCH_";
  const auto token =
      word.starts_with(kPrefix) ? seccomp_arch_resolve_name(lower(word.substr(kPrefix.size())).c_str()) : 0;
  if (token == 0) fail(Code::ConfigUnsupported, origin, ": unknown architecture '", word, "'");
  return token;
}

int error_number(const std::string& name, const std::string& origin) {
  constexpr int kLast = 133;
  for (int number = 1; number <= kLast; ++number)
    if (const char* known = strerrorname_np(number); known && name == known) return number;
  fail(Code::ConfigUnsupported, origin, ": unknown error '", name, "'");
}

/// By number, or by name as Podman has it besides.
std::uint32_t take_error(JsonObject& object, const char* number_member, const char* name_member) {
  constexpr std::int64_t kMost = 4095;
  const std::string of_number = object.origin(number_member), of_name = object.origin(name_member);
  const auto number = object.take_integer(number_member);
  const auto name = object.take_string(name_member);
  if (name && !name->empty()) return static_cast<std::uint32_t>(error_number(*name, of_name));
  if (number && (*number < 0 || *number > kMost)) fail(Code::InvalidArg, of_number, ": 0 to ", kMost, " is needed");
  return static_cast<std::uint32_t>(number.value_or(EPERM));
}

std::uint32_t action(const std::string& word, std::uint32_t error, const std::string& origin) {
  const std::pair<const char*, std::uint32_t> known[] = {{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
                                                         {"SCMP_ACT_LOG", SCMP_ACT_LOG},
                                                         {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(error)},
                                                         {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
                                                         {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(error)},
                                                         {"SCMP_ACT_KILL", SCMP_ACT_KILL},
                                                         {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
                                                         {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS}};
  for (const auto& [name, value] : known)
    if (word == name) return value;
  fail(Code::ConfigUnsupported, origin, ": unknown or unsupported action '", word, "'");
}

bool lets_through(std::uint32_t action) {
  return action == SCMP_ACT_ALLOW || action == SCMP_ACT_LOG;
}

scmp_compare comparison(const std::string& word, const std::string& origin) {
  const std::pair<const char*, scmp_compare> known[] = {{"SCMP_CMP_NE", SCMP_CMP_NE},
                                                        {"SCMP_CMP_LT", SCMP_CMP_LT},
                                                        {"SCMP_CMP_LE", SCMP_CMP_LE},
                                                        {"SCMP_CMP_EQ", SCMP_CMP_EQ},
                                                        {"SCMP_CMP_GE", SCMP_CMP_GE},
                                                        {"SCMP_CMP_GT", SCMP_CMP_GT},
                                                        {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
  for (const auto& [name, value] : known)
    if (word == name) return value;
  fail(Code::ConfigUnsupported, origin, ": unknown comparison '", word, "'");
}

std::uint64_t take_value(JsonObject& object, const char* name) {
  const std::string origin = object.origin(name);
  const auto number = domain_xml::unsigned_json(origin, object.take_integer(name).value_or(0));
  // Where larger ones end up when the text is read.
  if (number == static_cast<std::uint64_t>(domain_xml::kMaxJsonInteger))
    fail(Code::ConfigUnsupported, origin, ": the number is too large");
  return number;
}

/// A misspelt member would make a rule wider than it was meant.
void refuse_rest(JsonObject& object) {
  object.drop("comment");
  object.for_rest([](const std::string& origin) { fail(Code::ConfigUnsupported, origin, ": not known"); });
}

scmp_arg_cmp take_condition(JsonObject& object) {
  constexpr std::uint64_t kLastArgument = 5;
  const std::string of_index = object.origin("index"), of_op = object.origin("op");
  const auto index = take_value(object, "index");
  if (index > kLastArgument) fail(Code::InvalidArg, of_index, ": 0 to ", kLastArgument, " is needed");
  const auto value = take_value(object, "value"), second = take_value(object, "valueTwo");
  const auto op = comparison(object.take_string("op").value_or(""), of_op);
  refuse_rest(object);
  return {static_cast<unsigned>(index), op, value, op == SCMP_CMP_MASKED_EQ ? second : 0};
}

std::pair<int, int> version(const std::string& text, const std::string& origin) {
  std::pair<int, int> parts;
  if (std::sscanf(text.c_str(), "%d.%d", &parts.first, &parts.second) != 2)
    fail(Code::InvalidArg, origin, ": a kernel version such as 5.10 is needed");
  return parts;
}

class ProfileReader {
 public:
  ProfileReader(const SeccompSubject& subject, const std::string& kernel) : subject_(subject), kernel_(kernel) {}

  SeccompFilter read(JsonObject& profile) {
    take_default(profile);
    take_architectures(profile);
    take_flags(profile);
    for (JsonObject call : profile.objects("syscalls")) take_rules(call);
    profile.drop("syscalls");
    refuse_rest(profile);
    if (!lets_through(filter_.default_action)) {
      require_start();
      filter_.newest_call = newest_named();
    }
    return std::move(filter_);
  }

 private:
  void take_default(JsonObject& profile) {
    const std::string origin = profile.origin("defaultAction");
    const auto error = take_error(profile, "defaultErrnoRet", "defaultErrno");
    filter_.default_action = action(profile.take_string("defaultAction").value_or(""), error, origin);
  }

  void use_architecture(const std::string& word, const std::string& origin) {
    const auto sibling = sibling_architecture();
    if (architecture(word, origin) == sibling && sibling != 0) filter_.sibling_abi = true;
  }

  void take_architectures(JsonObject& profile) {
    const std::string origin = profile.origin("architectures");
    for (const auto& word : profile.take_strings("architectures")) use_architecture(word, origin);
    for (JsonObject entry : profile.objects("archMap")) {
      const std::string of_entry = entry.origin();
      const auto own = architecture(entry.take_string("architecture").value_or(""), of_entry);
      const auto others = entry.take_strings("subArchitectures");
      refuse_rest(entry);
      if (own != seccomp_arch_native()) continue;
      for (const auto& word : others) use_architecture(word, of_entry);
    }
    profile.drop("archMap");
  }

  /// Those that change nothing for a filter that is loaded before its one process is executed.
  static void take_flags(JsonObject& profile) {
    const std::string origin = profile.origin("flags");
    for (const auto& flag : profile.take_strings("flags"))
      if (flag != "SECCOMP_FILTER_FLAG_TSYNC" && flag != "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")
        fail(Code::ConfigUnsupported, origin, ": the flag '", flag, "' is not supported");
  }

  bool keeps(const std::string& capability) const {
    cap_value_t value = -1;
    return cap_from_name(lower(capability).c_str(), &value) == 0 && value >= 0 && value < 64 &&
           (subject_.kept >> value & 1) != 0;
  }

  bool not_older_than(JsonObject& object) const {
    const std::string origin = object.origin("minKernel");
    const std::string least = object.take_string("minKernel").value_or("");
    return version(kernel_, "kernel") >= version(least, origin);
  }

  bool included(JsonObject& rule) const {
    auto wanted = rule.object("includes");
    if (!wanted) return true;
    const auto capabilities = wanted->take_strings("caps"), arches = wanted->take_strings("arches");
    const bool kernel = !wanted->has("minKernel") || not_older_than(*wanted);
    refuse_rest(*wanted);
    return kernel && (arches.empty() || std::count(arches.begin(), arches.end(), native_word()) != 0) &&
           std::all_of(capabilities.begin(), capabilities.end(), [this](const auto& name) { return keeps(name); });
  }

  bool excluded(JsonObject& rule) const {
    auto unwanted = rule.object("excludes");
    if (!unwanted) return false;
    const auto capabilities = unwanted->take_strings("caps"), arches = unwanted->take_strings("arches");
    const bool kernel = unwanted->has("minKernel") && not_older_than(*unwanted);
    refuse_rest(*unwanted);
    return kernel || std::count(arches.begin(), arches.end(), native_word()) != 0 ||
           std::any_of(capabilities.begin(), capabilities.end(), [this](const auto& name) { return keeps(name); });
  }

  void take_rules(JsonObject& rule) {
    const bool counts = included(rule) && !excluded(rule);
    rule.drop("includes");
    rule.drop("excludes");
    const std::string of_names = rule.origin("names"), of_action = rule.origin("action");
    auto names = rule.take_strings("names");
    if (const auto name = rule.take_string("name"); name && !name->empty()) names.push_back(*name);
    if (names.empty()) fail(Code::InvalidArg, of_names, ": names of system calls are needed");
    const auto error = take_error(rule, "errnoRet", "errno");
    const auto what = action(rule.take_string("action").value_or(""), error, of_action);
    std::vector<scmp_arg_cmp> conditions;
    for (JsonObject argument : rule.objects("args")) conditions.push_back(take_condition(argument));
    rule.drop("args");
    rule.drop("priority");
    refuse_rest(rule);
    if (!counts) return;
    for (const auto& name : names) add(name, what, conditions);
  }

  /// Several conditions on one argument are alternatives, as the runtimes have it; otherwise all must hold.
  void add(const std::string& name, std::uint32_t what, const std::vector<scmp_arg_cmp>& conditions) {
    std::uint64_t seen = 0;
    bool twice = false;
    for (const auto& condition : conditions) {
      twice = twice || (seen >> condition.arg & 1) != 0;
      seen |= std::uint64_t{1} << condition.arg;
    }
    if (!twice) return filter_.rules.push_back({name, what, conditions});
    for (const auto& condition : conditions) filter_.rules.push_back({name, what, {condition}});
  }

  /// What init does between loading the filter and running its program.
  void require_start() const {
    for (const char* call :
         {"capget", "capset", "prctl", "recvmsg", "rt_sigprocmask", "sendmsg", "execve", "exit_group"}) {
      const auto allows = [call](const SeccompRule& rule) {
        return rule.call == call && lets_through(rule.action) && rule.conditions.empty();
      };
      if (std::none_of(filter_.rules.begin(), filter_.rules.end(), allows))
        fail(Code::ConfigUnsupported, "it does not allow '", call, "', which every start needs");
    }
  }

  std::uint32_t newest_named() const {
    std::uint32_t newest = 0;
    for (const auto& rule : filter_.rules)
      for (const auto arch : {seccomp_arch_native(), sibling_architecture()}) {
        const int number = arch == 0 ? -1 : seccomp_syscall_resolve_name_arch(arch, rule.call.c_str());
        if (number >= 0 && number < kArmPrivate) newest = std::max(newest, static_cast<std::uint32_t>(number));
      }
    return newest;
  }

  static constexpr int kArmPrivate = 0xF0000;

  const SeccompSubject& subject_;
  const std::string& kernel_;
  SeccompFilter filter_;
};

}  // namespace

SeccompFilter parse_seccomp_profile(std::string_view text, const SeccompSubject& subject, const std::string& kernel) {
  const auto root = domain_xml::parse_json(text);
  JsonObject profile(root.get(), "");
  return ProfileReader(subject, kernel).read(profile);
}

}  // namespace container
