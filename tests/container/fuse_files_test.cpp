#include "container/fuse_files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace container {
namespace {

const std::string kText = "some text";

std::uint32_t last_reader = 0;
long read_text(std::uint32_t index, std::uint32_t reader, std::uint64_t offset, char* to, std::size_t capacity) {
  last_reader = reader;
  if (index == 1) return -EIO;
  if (offset >= kText.size()) return 0;
  return static_cast<long>(kText.copy(to, capacity, offset));
}
std::uint64_t text_length(std::uint32_t, std::uint32_t) {
  return kText.size();
}
constexpr const char* kNames[] = {"one", "two"};
const FuseFiles kFiles = {kNames, 2, 100000, 100001, 1700000000, read_text, text_length};
constexpr std::uint64_t kOne = 2, kTwo = 3;

struct Reply {
  bool any = false;
  int error = 0;
  std::string body;
  template <typename Body>
  Body as() const {
    Body value = {};
    EXPECT_EQ(body.size(), sizeof value);
    std::memcpy(&value, body.data(), std::min(body.size(), sizeof value));
    return value;
  }
};

Reply ask(std::uint32_t opcode, std::uint64_t node, const std::string& body = "") {
  fuse_in_header in = {};
  in.len = static_cast<std::uint32_t>(sizeof in + body.size());
  in.opcode = opcode;
  in.unique = 77;
  in.pid = 4711;
  in.nodeid = node;
  const std::string request = std::string(reinterpret_cast<const char*>(&in), sizeof in) + body;
  static unsigned char reply[kFuseReplyBytes];
  const std::size_t size = answer_fuse(request.data(), request.size(), reply, kFiles);
  if (size == 0) return {};
  fuse_out_header out;
  std::memcpy(&out, reply, sizeof out);
  EXPECT_EQ(out.len, size);
  EXPECT_EQ(out.unique, 77U);
  return {true, out.error, std::string(reinterpret_cast<char*>(reply) + sizeof out, size - sizeof out)};
}

template <typename Body>
std::string bytes(const Body& body) {
  return std::string(reinterpret_cast<const char*>(&body), sizeof body);
}
std::string name(const char* text) {
  return std::string(text) + '\0';
}
std::string open_for(std::uint32_t flags) {
  fuse_open_in in = {};
  in.flags = flags;
  return bytes(in);
}
std::string read_at(std::uint64_t offset, std::uint32_t size) {
  fuse_read_in in = {};
  in.offset = offset;
  in.size = size;
  return bytes(in);
}

TEST(FuseFiles, ListsAllFilesWithTheirNodesAtOnce) {
  const std::string all = ask(FUSE_READDIRPLUS, FUSE_ROOT_ID, read_at(0, 4096)).body;
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < 2; i++) {
    fuse_direntplus entry;
    ASSERT_LE(at + FUSE_NAME_OFFSET_DIRENTPLUS, all.size());
    std::memcpy(&entry, all.data() + at, FUSE_NAME_OFFSET_DIRENTPLUS);
    EXPECT_EQ(all.substr(at + FUSE_NAME_OFFSET_DIRENTPLUS, entry.dirent.namelen), kNames[i]);
    EXPECT_EQ(entry.entry_out.nodeid, kOne + i);
    EXPECT_EQ(entry.dirent.ino, kOne + i);
    EXPECT_EQ(entry.dirent.off, i + 1);
    EXPECT_TRUE(S_ISREG(entry.entry_out.attr.mode));
    EXPECT_GT(entry.entry_out.entry_valid, 0U) << "so that nobody asks again";
    at += FUSE_DIRENTPLUS_SIZE(&entry);
  }
  EXPECT_EQ(at, all.size());
  EXPECT_EQ(ask(FUSE_READDIRPLUS, FUSE_ROOT_ID, read_at(2, 4096)).body, "") << "the end";
  EXPECT_EQ(ask(FUSE_READDIRPLUS, FUSE_ROOT_ID, read_at(1, 4096)).body, all.substr(all.size() / 2));
  EXPECT_EQ(ask(FUSE_READDIRPLUS, FUSE_ROOT_ID, read_at(0, 200)).body, all.substr(0, all.size() / 2));
  EXPECT_EQ(ask(FUSE_READDIRPLUS, FUSE_ROOT_ID, read_at(0, 8)).body, "");
  EXPECT_EQ(ask(FUSE_READDIRPLUS, FUSE_ROOT_ID, read_at(~0ULL, 4096)).body, "");
  EXPECT_EQ(ask(FUSE_READDIRPLUS, kOne, read_at(0, 4096)).error, -ENOTDIR);
  EXPECT_EQ(ask(FUSE_READDIRPLUS, FUSE_ROOT_ID, "short").error, -EINVAL);
  EXPECT_EQ(ask(FUSE_OPENDIR, FUSE_ROOT_ID, open_for(O_RDONLY)).error, -ENOSYS) << "the kernel then leaves it out";
}

TEST(FuseFiles, AgreesOnAVersion) {
  fuse_init_in in = {};
  in.major = FUSE_KERNEL_VERSION;
  in.minor = 99;
  const auto out = ask(FUSE_INIT, 0, bytes(in)).as<fuse_init_out>();
  EXPECT_EQ(out.major, 7U);
  EXPECT_GE(out.minor, 23U) << "the reply's length is that of this version or a later one";
  EXPECT_LE(out.max_write + sizeof(fuse_in_header) + sizeof(fuse_write_in), kFuseRequestBytes);
  in.major = 6;
  EXPECT_EQ(ask(FUSE_INIT, 0, bytes(in)).error, -EPROTO);
  EXPECT_EQ(ask(FUSE_INIT, 0, "xx").error, -EINVAL);
}

TEST(FuseFiles, NamesAreFoundInTheRootOnly) {
  const auto entry = ask(FUSE_LOOKUP, FUSE_ROOT_ID, name("two")).as<fuse_entry_out>();
  EXPECT_EQ(entry.nodeid, kTwo);
  EXPECT_EQ(entry.attr.mode, static_cast<std::uint32_t>(S_IFREG | 0444));
  EXPECT_EQ(entry.attr.uid, 100000U);
  EXPECT_EQ(entry.attr.gid, 100001U);
  EXPECT_EQ(ask(FUSE_LOOKUP, FUSE_ROOT_ID, name("three")).error, -ENOENT);
  EXPECT_EQ(ask(FUSE_LOOKUP, kOne, name("two")).error, -ENOTDIR);
  EXPECT_EQ(ask(FUSE_LOOKUP, FUSE_ROOT_ID, "two").error, -EINVAL) << "no end";
  EXPECT_EQ(ask(FUSE_LOOKUP, FUSE_ROOT_ID).error, -EINVAL);
}

TEST(FuseFiles, LengthIsAskedForEachTime) {
  const auto out = ask(FUSE_GETATTR, kOne, bytes(fuse_getattr_in{})).as<fuse_attr_out>();
  EXPECT_EQ(out.attr.size, kText.size());
  EXPECT_EQ(out.attr_valid, 0U);
  const auto root = ask(FUSE_GETATTR, FUSE_ROOT_ID).as<fuse_attr_out>();
  EXPECT_EQ(root.attr.mode, static_cast<std::uint32_t>(S_IFDIR | 0555));
  EXPECT_GT(root.attr_valid, 0U) << "or each lookup would ask for it";
  EXPECT_EQ(ask(FUSE_GETATTR, 4).error, -ENOENT);
  EXPECT_EQ(ask(FUSE_GETATTR, ~std::uint64_t{0}).error, -ENOENT);
}

TEST(FuseFiles, OpenForReadingOnly) {
  EXPECT_EQ(ask(FUSE_OPEN, kOne, open_for(O_RDONLY)).as<fuse_open_out>().open_flags, std::uint32_t{FOPEN_DIRECT_IO});
  EXPECT_EQ(ask(FUSE_OPEN, kOne, open_for(O_WRONLY)).error, -EACCES);
  EXPECT_EQ(ask(FUSE_OPEN, kOne, open_for(O_RDWR)).error, -EACCES);
  EXPECT_EQ(ask(FUSE_OPEN, 9, open_for(O_RDONLY)).error, -ENOENT);
  EXPECT_EQ(ask(FUSE_OPEN, kOne).error, -EINVAL);
}

TEST(FuseFiles, ReadsAnyPart) {
  EXPECT_EQ(ask(FUSE_READ, kOne, read_at(0, 4096)).body, kText);
  EXPECT_EQ(ask(FUSE_READ, kOne, read_at(5, 2)).body, "te");
  EXPECT_EQ(ask(FUSE_READ, kOne, read_at(~std::uint64_t{0}, 0xffffffff)).body, "");
  EXPECT_EQ(ask(FUSE_READ, kTwo, read_at(0, 1)).error, -EIO) << "what the file says";
  EXPECT_EQ(ask(FUSE_READ, FUSE_ROOT_ID, read_at(0, 1)).error, -EISDIR);
  EXPECT_EQ(ask(FUSE_READ, kOne, "short").error, -EINVAL);
}

TEST(FuseFiles, WhatNeedsNoAnswerGetsNone) {
  for (const std::uint32_t opcode : {FUSE_FORGET, FUSE_BATCH_FORGET, FUSE_INTERRUPT})
    EXPECT_FALSE(ask(opcode, kOne, std::string(64, 'x')).any) << opcode;
  static unsigned char reply[kFuseReplyBytes];
  EXPECT_EQ(answer_fuse("short", 5, reply, kFiles), 0U);
}

TEST(FuseFiles, EverythingElseIsUnknown) {
  for (const std::uint32_t opcode : {std::uint32_t{FUSE_WRITE}, std::uint32_t{FUSE_SETATTR}, std::uint32_t{FUSE_UNLINK},
                                     std::uint32_t{FUSE_FLUSH}, std::uint32_t{FUSE_IOCTL}, 0U, 12345U, 0xffffffffU})
    EXPECT_EQ(ask(opcode, kOne, std::string(200, 'x')).error, -ENOSYS) << opcode;
  EXPECT_EQ(ask(FUSE_RELEASE, kOne).error, 0);
  EXPECT_EQ(ask(FUSE_DESTROY, 0).error, 0);
  EXPECT_EQ(ask(FUSE_STATFS, kOne).as<fuse_statfs_out>().st.namelen, 255U);
}

}  // namespace
}  // namespace container
