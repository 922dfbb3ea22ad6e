#include "base/journal_sink.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include <memory>
#include <mutex>

#include "base/uuid.hpp"

namespace base::log {
namespace {

int priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
    case spdlog::level::trace:
      return LOG_DEBUG;
    case spdlog::level::info:
      return LOG_INFO;
    case spdlog::level::warn:
      return LOG_WARNING;
    default:
      return LOG_ERR;
  }
}

class JournalSink final : public spdlog::sinks::base_sink<std::mutex> {
  void sink_it_(const spdlog::details::log_msg& message) override {
    const auto fields = journal_fields(priority_of(message.level), {message.payload.data(), message.payload.size()},
                                       message.source.filename ? message.source.filename : "", own_activity());
    std::vector<iovec> pieces;
    pieces.reserve(fields.size());
    for (const auto& field : fields) pieces.push_back({const_cast<char*>(field.data()), field.size()});
    // Without a journal the line is lost, as libvirt's daemons lose it: there is nobody to tell.
    ::sd_journal_sendv(pieces.data(), static_cast<int>(pieces.size()));
  }
  void flush_() override {}
};

}  // namespace

std::vector<std::string> journal_fields(int priority, std::string_view line, std::string_view source,
                                        const Doing& doing) {
  std::vector<std::string> fields{fmt::format("MESSAGE={}", line), fmt::format("PRIORITY={}", priority),
                                  "SYSLOG_IDENTIFIER=virtlxcelld", fmt::format("LIBVIRT_SOURCE={}", source)};
  if (doing.call[0] != '\0') fields.push_back(fmt::format("LXCELL_CALL={}", doing.call));
  if (doing.client != 0) fields.push_back(fmt::format("LXCELL_CLIENT={}", doing.client));
  if (!doing.domain.empty()) {
    fields.push_back(fmt::format("LXCELL_DOMAIN={}", doing.domain));
    fields.push_back(fmt::format("LXCELL_UUID={}", format_uuid(doing.uuid)));
  }
  return fields;
}

spdlog::sink_ptr make_journal_sink() {
  return std::make_shared<JournalSink>();
}

}  // namespace base::log
