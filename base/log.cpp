#include "base/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace base::log {
namespace {

std::shared_ptr<spdlog::logger>& logger() {
  static auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("lxcell", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_level(spdlog::level::warn);
    made->set_pattern("%Y-%m-%d %H:%M:%S.%e%z: %t: %l: %v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return instance;
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

}  // namespace

void configure(Level from, const std::string& file) {
  if (!file.empty()) {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
    auto made = std::make_shared<spdlog::logger>("lxcell", sink);
    made->set_pattern("%Y-%m-%d %H:%M:%S.%e%z: %t: %l: %v");
    made->flush_on(spdlog::level::debug);
    logger() = made;
  }
  logger()->set_level(to_spdlog(from));
}

void write(Level level, const std::string& line) {
  logger()->log(to_spdlog(level), "{}", line);
}

bool enabled(Level level) {
  return logger()->should_log(to_spdlog(level));
}

}  // namespace base::log
