// The container's own log, LOG/NAME.log: what its start, its supervisor and the daemon say about it.
#pragma once

#include <string>

namespace container {

/// "2026-01-31 23:59:59.123+0000"
std::string log_timestamp();
/// One line with its time. Never throws: a full disk is no reason to fail what it is about.
void append_to_log(const std::string& path, const std::string& line) noexcept;

}  // namespace container
