// A few read-only files as the kernel's FUSE protocol has them (linux/fuse.h): one request in, one reply out. Keeps no
// state and allocates nothing, so nobody who opens and reads can make it grow.
#pragma once

#include <cstddef>
#include <cstdint>

namespace container {

/// The kernel wants room for this much before it hands out a request (FUSE_MIN_READ_BUFFER).
constexpr std::size_t kFuseRequestBytes = 8192;
/// The most one read returns; longer ones are answered short, as files of /proc do.
constexpr std::size_t kFuseReadBytes = 8192;
constexpr std::size_t kFuseReplyBytes = kFuseReadBytes + 16;

struct FuseFiles {
  /// Puts what is at `offset` of file `index` at `to`: the bytes, 0 at the end, or a negative errno. `reader`: the pid
  /// of who asks, 0 for a process that has none in our pid namespace.
  using Read = long (*)(std::uint32_t index, std::uint32_t reader, std::uint64_t offset, char* to,
                        std::size_t capacity);
  /// Length of the whole file now.
  using Length = std::uint64_t (*)(std::uint32_t index, std::uint32_t reader);
  const char* const* names;
  std::uint32_t count;
  std::uint32_t uid, gid;  // host ids of the owner
  std::uint64_t made;      // their times, seconds since 1970
  Read read;
  Length length;
};

/// Answers one request as read from /dev/fuse into `reply` (kFuseReplyBytes); the size to write back, 0 for nothing.
std::size_t answer_fuse(const void* request, std::size_t size, unsigned char* reply, const FuseFiles& files);

}  // namespace container
