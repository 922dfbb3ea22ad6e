// The daemon's log: one line per event, to stderr, files, syslog or the journal. Nothing is logged on an error's way
// up. What is written where can be changed at any time, by libvirt's filters and outputs.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace base::log {

enum class Level { Debug = 1, Info, Warning, Error };  // as libvirt numbers them

/// Another level for lines from the source files whose name has `match` in it; the first that matches counts. A file's
/// name is that of its path: "driver.domain" for driver/domain.cpp.
struct Filter {
  Level from = Level::Debug;
  std::string match;
  bool operator==(const Filter&) const = default;
};
struct Output {
  enum class Kind { Stderr, Journald, Syslog, File } kind = Kind::Stderr;
  Level from = Level::Debug;
  std::string name;  // syslog's identifier, or an absolute path
  bool operator==(const Output&) const = default;
};

/// libvirt's syntax: "1:driver 4:rpc.server" and "1:file:/var/log/a.log 3:stderr"; nullopt when the text is none.
std::optional<std::vector<Filter>> parse_filters(std::string_view text);
std::optional<std::vector<Output>> parse_outputs(std::string_view text);
std::string format_filters(const std::vector<Filter>& filters);
std::string format_outputs(const std::vector<Output>& outputs);

/// Where lines go without other word, and from which level on; `file` empty means stderr. Called once by main.
void configure(Level from, const std::string& file);
void set_filters(std::vector<Filter> filters);
std::vector<Filter> filters();
/// None: back to what configure() said. All or nothing; throws SystemError when one cannot be opened.
void set_outputs(const std::vector<Output>& outputs);
std::vector<Output> outputs();

void write(Level level, const std::string& line, const char* source = __builtin_FILE());
/// Whether a line of this level may be written at all.
bool enabled(Level level);

/// A format string that knows which source file it is in.
template <typename... Args>
struct Text {
  template <typename T>
  FMT_CONSTEVAL Text(const T& text, const char* file = __builtin_FILE()) : format(text), source(file) {}
  fmt::format_string<Args...> format;
  const char* source;
};

template <typename... Args>
void debug(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  if (enabled(Level::Debug)) write(Level::Debug, fmt::format(text.format, std::forward<Args>(args)...), text.source);
}
template <typename... Args>
void info(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  if (enabled(Level::Info)) write(Level::Info, fmt::format(text.format, std::forward<Args>(args)...), text.source);
}
template <typename... Args>
void warning(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  write(Level::Warning, fmt::format(text.format, std::forward<Args>(args)...), text.source);
}
template <typename... Args>
void error(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  write(Level::Error, fmt::format(text.format, std::forward<Args>(args)...), text.source);
}

}  // namespace base::log
