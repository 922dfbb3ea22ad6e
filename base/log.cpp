#include "base/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "base/error.hpp"
#include "base/journal_sink.hpp"

namespace base::log {
namespace {

struct Log {
  Log() { become(usual); }

  /// Throws SystemError; nothing has changed then.
  void become(const std::vector<Output>& wanted);
  void find_lowest() {
    Level found = from;
    for (const auto& filter : filters) found = std::min(found, filter.from);
    lowest = found;
  }

  std::shared_mutex mutex;
  Level from = Level::Warning;
  std::atomic<Level> lowest = Level::Warning;  // that anything can have
  std::vector<Filter> filters;
  std::vector<Output> usual = {{}}, outputs;
  std::shared_ptr<spdlog::logger> logger;
};

Log& instance() {
  static Log log;
  return log;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::Debug:
      return spdlog::level::debug;
    case Level::Info:
      return spdlog::level::info;
    case Level::Warning:
      return spdlog::level::warn;
    case Level::Error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::sink_ptr open_sink(const Output& output) {
  switch (output.kind) {
    case Output::Kind::Stderr:
      return std::make_shared<spdlog::sinks::stderr_sink_mt>();
    case Output::Kind::Journald:
      return make_journal_sink();
    case Output::Kind::Syslog:
      return std::make_shared<spdlog::sinks::syslog_sink_mt>(output.name, LOG_PID, LOG_DAEMON, false);
    case Output::Kind::File:
      return std::make_shared<spdlog::sinks::basic_file_sink_mt>(output.name);
  }
  return nullptr;
}

void Log::become(const std::vector<Output>& wanted) {
  std::vector<spdlog::sink_ptr> sinks;
  for (const auto& output : wanted) {
    try {
      sinks.push_back(open_sink(output));
    } catch (const spdlog::spdlog_ex& problem) {
      fail(Code::SystemError, "cannot write the log to '", output.name, "': ", problem.what());
    }
    sinks.back()->set_level(to_spdlog(output.from));
  }
  auto made = std::make_shared<spdlog::logger>("lxcell", sinks.begin(), sinks.end());
  made->set_level(spdlog::level::debug);
  made->set_pattern("%Y-%m-%d %H:%M:%S.%e%z: %t: %l: %v");
  made->flush_on(spdlog::level::debug);
  logger = std::move(made);
  outputs = wanted;
}

/// "../driver/domain.cpp" is "driver.domain".
std::string name_of(std::string_view source) {
  const auto file = source.rfind('/');
  const auto folder =
      file == std::string_view::npos || file == 0 ? std::string_view::npos : source.rfind('/', file - 1);
  std::string name(folder == std::string_view::npos ? source : source.substr(folder + 1));
  if (const auto dot = name.rfind('.'); dot != std::string::npos) name.resize(dot);
  std::ranges::replace(name, '/', '.');
  return name;
}

/// `mutex` is held.
bool is_wanted(const Log& log, Level level, const char* source) {
  if (!log.filters.empty()) {
    const std::string name = name_of(source);
    for (const auto& filter : log.filters)
      if (name.find(filter.match) != std::string::npos) return level >= filter.from;
  }
  return level >= log.from;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = text.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) return words;
    const auto end = std::min(text.find_first_of(" \t\n", begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    text.remove_prefix(end);
  }
}

/// Takes "LEVEL:" off the front of a word.
std::optional<Level> take_level(std::string_view& word) {
  if (word.size() < 3 || word[0] < '1' || word[0] > '4' || word[1] != ':') return std::nullopt;
  const auto level = static_cast<Level>(word[0] - '0');
  word.remove_prefix(2);
  return level;
}

bool take(std::string_view& word, std::string_view start) {
  if (!word.starts_with(start)) return false;
  word.remove_prefix(start.size());
  return true;
}

}  // namespace

std::optional<std::vector<Filter>> parse_filters(std::string_view text) {
  std::vector<Filter> found;
  for (std::string_view word : words_of(text)) {
    const auto level = take_level(word);
    if (!level) return std::nullopt;
    take(word, "+");  // once asked for stack traces, and still found in configurations
    if (word.empty()) return std::nullopt;
    found.push_back({*level, std::string(word)});
  }
  return found;
}

std::optional<std::vector<Output>> parse_outputs(std::string_view text) {
  using Kind = Output::Kind;
  std::vector<Output> found;
  for (std::string_view word : words_of(text)) {
    const auto level = take_level(word);
    if (!level) return std::nullopt;
    if (word == "stderr")
      found.push_back({Kind::Stderr, *level, {}});
    else if (word == "journald")
      found.push_back({Kind::Journald, *level, {}});
    else if (take(word, "syslog:") && !word.empty())
      found.push_back({Kind::Syslog, *level, std::string(word)});
    else if (take(word, "file:") && word.starts_with('/'))
      found.push_back({Kind::File, *level, std::string(word)});
    else
      return std::nullopt;
  }
  return found;
}

std::string format_filters(const std::vector<Filter>& given) {
  std::string text;
  for (const auto& filter : given)
    text += fmt::format("{}{}:{}", text.empty() ? "" : " ", static_cast<int>(filter.from), filter.match);
  return text;
}

std::string format_outputs(const std::vector<Output>& given) {
  std::string text;
  for (const auto& output : given) {
    text += fmt::format("{}{}:", text.empty() ? "" : " ", static_cast<int>(output.from));
    if (output.kind == Output::Kind::Stderr) text += "stderr";
    if (output.kind == Output::Kind::Journald) text += "journald";
    if (output.kind == Output::Kind::Syslog) text += "syslog:" + output.name;
    if (output.kind == Output::Kind::File) text += "file:" + output.name;
  }
  return text;
}

void configure(Level from, const std::string& file) {
  Log& log = instance();
  const std::unique_lock lock(log.mutex);
  log.from = from;
  log.find_lowest();
  log.usual = {file.empty() ? Output{} : Output{Output::Kind::File, Level::Debug, file}};
  log.become(log.usual);
}

void set_filters(std::vector<Filter> given) {
  Log& log = instance();
  const std::unique_lock lock(log.mutex);
  log.filters = std::move(given);
  log.find_lowest();
}

std::vector<Filter> filters() {
  Log& log = instance();
  const std::shared_lock lock(log.mutex);
  return log.filters;
}

void set_outputs(const std::vector<Output>& given) {
  Log& log = instance();
  const std::unique_lock lock(log.mutex);
  log.become(given.empty() ? log.usual : given);
}

std::vector<Output> outputs() {
  Log& log = instance();
  const std::shared_lock lock(log.mutex);
  return log.outputs;
}

void write(Level level, const std::string& line, const char* source) {
  Log& log = instance();
  const std::shared_lock lock(log.mutex);
  if (!is_wanted(log, level, source)) return;
  const std::string name = name_of(source);
  log.logger->log(spdlog::source_loc(name.c_str(), 1, ""), to_spdlog(level), "{}", line);
}

bool enabled(Level level) {
  return level >= instance().lowest;
}

}  // namespace base::log
