#include "container/fuse_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace container {
namespace {

static_assert(kFuseReplyBytes == kFuseReadBytes + sizeof(fuse_out_header));

constexpr std::uint64_t kRoot = FUSE_ROOT_ID, kFirstFile = kRoot + 1;
// Names are. A file's attributes are asked for at each open, as sendfile(2) goes by the length.
constexpr std::uint64_t kForever = 1 << 20;
constexpr std::uint32_t kMinor = 31;  // of the structs as they are used here; the kernel speaks down to it
constexpr std::uint32_t kBlockBytes = 4096, kMaxNameBytes = 255;

class Answer {
 public:
  Answer(const void* request, std::size_t size, unsigned char* reply, const FuseFiles& files)
      : body_(static_cast<const unsigned char*>(request) + sizeof in_),
        body_size_(size - sizeof in_),
        reply_(reply),
        files_(files) {
    std::memcpy(&in_, request, sizeof in_);
  }

  std::size_t make() {
    switch (in_.opcode) {
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT:  // what it is about has been answered already
        return 0;
      case FUSE_INIT:
        return init();
      case FUSE_LOOKUP:
        return look_up();
      case FUSE_READDIRPLUS:
        return list();
      case FUSE_GETATTR:
        return get_attributes();
      case FUSE_OPEN:
        return open();
      case FUSE_READ:
        return read();
      case FUSE_STATFS:
        return statistics();
      case FUSE_RELEASE:
      case FUSE_DESTROY:
        return finish(0, 0);
      default:
        return finish(-ENOSYS, 0);
    }
  }

 private:
  template <typename Body>
  bool body(Body& value) const {
    if (body_size_ < sizeof value) return false;
    std::memcpy(&value, body_, sizeof value);
    return true;
  }
  template <typename Value>
  std::size_t give(const Value& value) {
    std::memcpy(reply_ + sizeof(fuse_out_header), &value, sizeof value);
    return finish(0, sizeof value);
  }
  std::size_t finish(int error, std::size_t size) {
    fuse_out_header out = {};
    out.len = static_cast<std::uint32_t>(sizeof out + size);
    out.error = error;
    out.unique = in_.unique;
    std::memcpy(reply_, &out, sizeof out);
    return out.len;
  }

  bool is_file(std::uint64_t node) const { return node >= kFirstFile && node - kFirstFile < files_.count; }

  fuse_attr attributes(std::uint64_t node) const {
    fuse_attr attr = {};
    attr.ino = node;
    attr.mode = node == kRoot ? S_IFDIR | 0555 : S_IFREG | 0444;
    attr.nlink = node == kRoot ? 2 : 1;
    attr.uid = files_.uid;
    attr.gid = files_.gid;
    attr.atime = attr.mtime = attr.ctime = files_.made;
    attr.blksize = kBlockBytes;
    return attr;
  }

  std::size_t init() {
    fuse_init_in in;
    constexpr std::size_t kVersionBytes = 2 * sizeof(std::uint32_t);  // what follows differs between versions
    if (body_size_ < kVersionBytes) return finish(-EINVAL, 0);
    std::memcpy(&in, body_, kVersionBytes);
    if (in.major < FUSE_KERNEL_VERSION) return finish(-EPROTO, 0);
    fuse_init_out out = {};
    out.major = FUSE_KERNEL_VERSION;
    out.minor = kMinor;
    out.flags = FUSE_DO_READDIRPLUS;  // and no FUSE_OPENDIR, which the kernel leaves out once it has been refused
    out.max_write = kBlockBytes;
    out.time_gran = 1;
    return give(out);
  }

  std::size_t look_up() {
    if (in_.nodeid != kRoot) return finish(-ENOTDIR, 0);
    const auto* name = reinterpret_cast<const char*>(body_);
    if (body_size_ == 0 || std::memchr(name, 0, body_size_) == nullptr) return finish(-EINVAL, 0);
    for (std::uint32_t i = 0; i < files_.count; i++) {
      if (std::strcmp(name, files_.names[i]) != 0) continue;
      return give(entry_of(i));
    }
    return finish(-ENOENT, 0);
  }

  fuse_entry_out entry_of(std::uint32_t index) const {
    fuse_entry_out entry = {};
    entry.nodeid = kFirstFile + index;
    entry.entry_valid = kForever;
    entry.attr = attributes(entry.nodeid);
    return entry;
  }

  /// The whole directory in one answer, or as much as there is room for.
  std::size_t list() {
    fuse_read_in in;
    if (!body(in)) return finish(-EINVAL, 0);
    if (in_.nodeid != kRoot) return finish(-ENOTDIR, 0);
    const std::size_t capacity = std::min<std::size_t>(in.size, kFuseReadBytes);
    std::size_t size = 0;
    for (std::uint64_t i = in.offset; i < files_.count; i++) {
      const char* name = files_.names[i];
      const std::size_t name_size = std::strlen(name),
                        whole = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + name_size);
      if (whole > capacity - size) break;
      unsigned char* to = reply_ + sizeof(fuse_out_header) + size;
      fuse_direntplus entry = {};
      entry.entry_out = entry_of(static_cast<std::uint32_t>(i));
      entry.dirent.ino = entry.entry_out.nodeid;
      entry.dirent.off = i + 1;
      entry.dirent.namelen = static_cast<std::uint32_t>(name_size);
      entry.dirent.type = DT_REG;
      std::memset(to, 0, whole);
      std::memcpy(to, &entry, FUSE_NAME_OFFSET_DIRENTPLUS);
      std::copy_n(name, name_size, to + FUSE_NAME_OFFSET_DIRENTPLUS);
      size += whole;
    }
    return finish(0, size);
  }

  std::size_t get_attributes() {
    if (in_.nodeid != kRoot && !is_file(in_.nodeid)) return finish(-ENOENT, 0);
    fuse_attr_out out = {};
    out.attr = attributes(in_.nodeid);
    if (is_file(in_.nodeid))
      out.attr.size = files_.length(static_cast<std::uint32_t>(in_.nodeid - kFirstFile), in_.pid);
    else
      out.attr_valid = kForever;
    return give(out);
  }

  std::size_t open() {
    fuse_open_in in;
    if (!body(in)) return finish(-EINVAL, 0);
    if (!is_file(in_.nodeid)) return finish(-ENOENT, 0);
    if ((in.flags & O_ACCMODE) != O_RDONLY) return finish(-EACCES, 0);
    fuse_open_out out = {};
    out.open_flags = FOPEN_DIRECT_IO;  // every read(2) comes here; what others cache goes at the next open
    return give(out);
  }

  std::size_t read() {
    fuse_read_in in;
    if (!body(in)) return finish(-EINVAL, 0);
    if (!is_file(in_.nodeid)) return finish(-EISDIR, 0);
    const std::size_t capacity = std::min<std::size_t>(in.size, kFuseReadBytes);
    char* to = reinterpret_cast<char*>(reply_) + sizeof(fuse_out_header);
    const long got = files_.read(static_cast<std::uint32_t>(in_.nodeid - kFirstFile), in_.pid, in.offset, to, capacity);
    return got < 0 ? finish(static_cast<int>(got), 0) : finish(0, static_cast<std::size_t>(got));
  }

  std::size_t statistics() {
    fuse_statfs_out out = {};
    out.st.bsize = out.st.frsize = kBlockBytes;
    out.st.namelen = kMaxNameBytes;
    return give(out);
  }

  fuse_in_header in_;
  const unsigned char* body_;
  std::size_t body_size_;
  unsigned char* reply_;
  const FuseFiles& files_;
};

}  // namespace

std::size_t answer_fuse(const void* request, std::size_t size, unsigned char* reply, const FuseFiles& files) {
  if (size < sizeof(fuse_in_header)) return 0;  // the kernel never sends less, and there is nobody to answer
  return Answer(request, size, reply, files).make();
}

}  // namespace container
