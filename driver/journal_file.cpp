#include "driver/journal_file.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/second_try.hpp"

namespace driver {
namespace {

using base::Code;

constexpr std::size_t kBlock = JournalFile::kBlock;
constexpr char kMagic[32] = "lxcell journal 1\n";

struct Header {
  char magic[32];
  std::uint64_t nonce;
  std::uint32_t checksum;
};
constexpr std::size_t kHeaderChecked = 40;

struct FrameHead {
  std::uint64_t nonce;
  std::uint32_t length;
  std::uint32_t checksum;
};
constexpr std::size_t kFrameChecked = 12;

std::uint32_t checksum(std::string_view head, std::string_view payload = {}) {
  const auto add = [](uLong sum, std::string_view bytes) {
    return ::crc32_z(sum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  };
  return static_cast<std::uint32_t>(add(add(0, head), payload));
}

template <typename Head>
std::string_view first_bytes(const Head& head, std::size_t size) {
  return {reinterpret_cast<const char*>(&head), size};
}

std::size_t whole_blocks(std::size_t bytes) {
  return (bytes + kBlock - 1) / kBlock;
}

template <typename Head>
std::optional<Head> head_at(std::string_view text, std::size_t at) {
  if (text.size() < at + sizeof(Head)) return std::nullopt;
  Head head;
  std::memcpy(&head, text.data() + at, sizeof head);
  return head;
}

/// The payload of the frame at `at` if there is a whole one.
std::optional<std::string_view> frame_at(std::string_view text, std::size_t at, std::uint64_t nonce) {
  const auto head = head_at<FrameHead>(text, at);
  if (!head || head->nonce != nonce || head->length > text.size() - at - sizeof *head) return std::nullopt;
  const auto payload = text.substr(at + sizeof *head, head->length);
  if (checksum(first_bytes(*head, kFrameChecked), payload) != head->checksum) return std::nullopt;
  return payload;
}

std::optional<std::uint64_t> nonce_of(std::string_view text) {
  const auto header = head_at<Header>(text, 0);
  if (!header || std::memcmp(header->magic, kMagic, sizeof kMagic) != 0) return std::nullopt;
  if (checksum(first_bytes(*header, kHeaderChecked)) != header->checksum) return std::nullopt;
  return header->nonce;
}

/// Never one that an earlier frame in the file could carry, not even one made up by a client.
std::uint64_t new_nonce() {
  std::uint64_t nonce = 0;
  while (nonce == 0)
    if (::getrandom(&nonce, sizeof nonce, 0) != sizeof nonce)
      base::fail_errno(Code::SystemError, "cannot get random bytes");
  return nonce;
}

std::string header_block(std::uint64_t nonce) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.nonce = nonce;
  header.checksum = checksum(first_bytes(header, kHeaderChecked));
  std::string block(kBlock, '\0');
  std::memcpy(block.data(), &header, sizeof header);
  return block;
}

void sync_folder_of(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  const base::Fd fd = base::open_file(folder, O_RDONLY | O_DIRECTORY);
  if (::fsync(fd.get()) < 0) base::fail_errno(Code::SystemError, "cannot sync directory '", folder, "'");
}

}  // namespace

std::vector<std::string> JournalFile::read() {
  damage_.reset();
  const auto found = base::with_second_try([this] { return base::read_file_if_any(path_); });
  if (!found) return {};
  const std::string& text = *found;
  const auto nonce = nonce_of(text);
  std::vector<std::string> payloads;
  std::size_t at = kBlock;
  if (nonce)
    while (const auto payload = frame_at(text, at, *nonce)) {
      payloads.emplace_back(*payload);
      at += whole_blocks(sizeof(FrameHead) + payload->size()) * kBlock;
    }
  // An append that was cut short has nothing behind it: the next one only begins when it has ended.
  if (!nonce) damage_ = 0;
  for (auto behind = at + kBlock; nonce && !damage_ && behind < text.size(); behind += kBlock)
    if (frame_at(text, behind, *nonce)) damage_ = at;
  holds_any_ = damage_ || !payloads.empty();
  if (damage_)
    base::log::error("definition journal '{}' is damaged at offset {}: changes from there on are lost", path_,
                     *damage_);
  return payloads;
}

void JournalFile::reset(std::size_t bytes) {
  bytes = whole_blocks(bytes) * kBlock;
  if (damage_) keep_damaged();
  if (!fd_) {
    struct stat facts;
    if (::lstat(path_.c_str(), &facts) < 0 || static_cast<std::size_t>(facts.st_size) != bytes) create(bytes);
    fd_ = base::open_file(path_, O_WRONLY | O_DSYNC | O_NOFOLLOW);
    size_ = bytes;
  }
  const std::uint64_t nonce = new_nonce();
  write_blocks(header_block(nonce), 0);
  nonce_ = nonce;
  end_ = kBlock;
  holds_any_ = false;
}

void JournalFile::keep_damaged() {
  const std::string aside = path_ + ".damaged";
  if (::rename(path_.c_str(), aside.c_str()) < 0 && errno != ENOENT)
    base::fail_errno(Code::SystemError, "cannot rename '", path_, "' to '", aside, "'");
  base::log::warning("damaged definition journal kept as '{}'", aside);
  damage_.reset();
  fd_.reset();
}

/// Under another name until it is whole: what is there now may still be needed.
void JournalFile::create(std::size_t bytes) {
  const std::string temporary = path_ + ".new";
  try {
    const base::Fd fd = base::open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    base::write_all(fd.get(), header_block(new_nonce()).data(), kBlock, temporary);
    // Zeros rather than posix_fallocate(3): blocks that were never written cost a metadata change at their first write.
    const std::string zeros(bytes - kBlock, '\0');
    base::write_all(fd.get(), zeros.data(), zeros.size(), temporary);
    if (::fsync(fd.get()) < 0) base::fail_errno(Code::SystemError, "cannot sync '", temporary, "'");
    if (::rename(temporary.c_str(), path_.c_str()) < 0)
      base::fail_errno(Code::SystemError, "cannot replace '", path_, "'");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_folder_of(path_);
}

void JournalFile::write_blocks(std::string_view blocks, std::size_t offset) {
  while (!blocks.empty()) {
    const ssize_t put = ::pwrite(fd_.get(), blocks.data(), blocks.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      const int reason = put < 0 ? errno : EIO;
      fd_.reset();
      base::fail_errno_value(reason, Code::SystemError, "cannot write '", path_, "'");
    }
    blocks.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::size_t>(put);
  }
}

bool JournalFile::append(std::string_view payload) {
  FrameHead head{nonce_, static_cast<std::uint32_t>(payload.size()), 0};
  const std::size_t bytes = whole_blocks(sizeof head + payload.size()) * kBlock;
  if (!fd_ || bytes > size_ - end_) return false;
  head.checksum = checksum(first_bytes(head, kFrameChecked), payload);
  std::string frame(first_bytes(head, sizeof head));
  frame.reserve(bytes);
  frame += payload;
  frame.resize(bytes);
  holds_any_ = true;
  write_blocks(frame, end_);
  end_ += bytes;
  return true;
}

}  // namespace driver
