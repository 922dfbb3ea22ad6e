#include "container/process_label.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"

namespace container {
namespace {

/// The kernel ends it with a NUL or a new line.
std::string read_label(const std::string& path) {
  std::string text = base::read_file(path);
  while (!text.empty() && (text.back() == '\0' || text.back() == '\n')) text.pop_back();
  return text;
}

}  // namespace

ProcessLabel parse_apparmor_label(std::string text) {
  const bool enforcing = text.ends_with(" (enforce)");
  if (const auto mode = text.rfind(" ("); mode != std::string::npos && text.ends_with(')')) text.resize(mode);
  return {std::move(text), enforcing};
}

ProcessLabel read_process_label(pid_t pid, const std::string& model) {
  const std::string attributes = "/proc/" + std::to_string(pid) + "/attr/";
  if (model == "apparmor") return parse_apparmor_label(read_label(attributes + "apparmor/current"));
  if (model == "selinux")
    return {read_label(attributes + "current"), base::read_file("/sys/fs/selinux/enforce").starts_with('1')};
  return {};
}

}  // namespace container
