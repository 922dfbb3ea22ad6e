// The file behind the definition journal: what was appended is on disk when append() returns, for the price of one
// write and one flush. The file has its full size and all its blocks from the start, so that an append changes no
// metadata, which would cost the file system's own journal several more writes.
//
// Format, numbers in this host's order (the file never travels), everything at multiples of 4096:
//   header: "lxcell journal 1\n", padding to 32, nonce (8), CRC-32 of the 40 bytes before (4)
//   frame:  nonce (8), length of the payload (4), CRC-32 of these 12 bytes and the payload (4), payload, padding
// A frame is one append: it counts whole or not at all. A new nonce in the header makes the journal empty.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"

namespace driver {

class JournalFile {
 public:
  static constexpr std::size_t kBlock = 4096;

  explicit JournalFile(std::string path) : path_(std::move(path)) {}

  /// Payloads in the order appended; empty when there is no file. A last frame that was cut short is left out. A
  /// journal damaged elsewhere is read up to the damage, and logged. Throws SystemError.
  std::vector<std::string> read();
  /// Makes the journal empty, and a file of `bytes` (mode 0600) if there is none of that size; a damaged one is kept
  /// beside it as PATH.damaged. Throws SystemError; what was in the journal is then all there or all gone.
  void reset(std::size_t bytes);
  /// False when there is no room, and until reset() has been called. Throws SystemError: whether the payload is in the
  /// journal is then not known before the next reset().
  bool append(std::string_view payload);
  /// Whether a later read() may find anything.
  bool holds_any() const { return holds_any_; }

 private:
  void keep_damaged();
  void create(std::size_t bytes);
  void write_blocks(std::string_view blocks, std::size_t offset);

  std::string path_;
  base::Fd fd_;
  std::size_t size_ = 0;
  std::size_t end_ = 0;
  std::uint64_t nonce_ = 0;
  bool holds_any_ = false;
  std::optional<std::size_t> damage_;  // where read() found it
};

}  // namespace driver
