// The log's way into systemd's journal: each line with fields that say whose call it was and which domain it concerned,
// so that `journalctl LXCELL_DOMAIN=web` is the story of one container.
#pragma once

#include <spdlog/common.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/activity.hpp"

namespace base::log {

/// "NAME=value" of one line; pure. `priority` as in syslog(3), `source` as filters name it.
std::vector<std::string> journal_fields(int priority, std::string_view line, std::string_view source,
                                        const Doing& doing);

spdlog::sink_ptr make_journal_sink();

}  // namespace base::log
