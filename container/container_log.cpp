#include "container/container_log.hpp"

#include <fcntl.h>

#include <ctime>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"

namespace container {

std::string log_timestamp() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  char text[64];
  const auto size = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return std::string(text, size) + "." + std::to_string(1000 + now.tv_nsec / 1'000'000).substr(1) + "+0000";
}

void append_to_log(const std::string& path, const std::string& line) noexcept {
  try {
    const base::Fd log = base::open_file(path, O_WRONLY | O_APPEND | O_NOFOLLOW);
    const std::string text = log_timestamp() + ": " + line + "\n";
    base::write_all(log.get(), text.data(), text.size(), path);
  } catch (const std::exception& error) {
    base::log::warning("cannot write to '{}': {}", path, error.what());
  }
}

}  // namespace container
