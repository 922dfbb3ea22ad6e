// A TCP transfer between two network namespaces, for measuring what a limit lets through.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace support {

/// One end: the network namespace of a process (0: the suite's own).
struct TransferEnd {
  pid_t process = 0;
};

/// Payload bytes a second from one to the other over `bytes`, which begin to count when `skipped` have arrived: what a
/// burst lets through at once is no rate. Throws if the ends do not reach each other.
double transfer_rate(TransferEnd from, TransferEnd to, const std::string& address, std::uint64_t skipped,
                     std::uint64_t bytes);

/// Median seconds from a byte to the byte that comes back for it, of `rounds`.
double answer_time(TransferEnd asking, TransferEnd answering, const std::string& address, int rounds);

}  // namespace support
