// The daemon's log: one line per event, to stderr, a file or the journal. Nothing is logged on an error's way up.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace base::log {

enum class Level { Debug, Info, Warning, Error };

/// Where and from which level on lines go; `file` empty means stderr. Called once by main.
void configure(Level from, const std::string& file);
void write(Level level, const std::string& line);
bool enabled(Level level);

template <typename... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::Debug)) write(Level::Debug, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::Info)) write(Level::Info, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> text, Args&&... args) {
  write(Level::Warning, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
  write(Level::Error, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace base::log
