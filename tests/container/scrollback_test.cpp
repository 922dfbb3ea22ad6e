#include "container/scrollback.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace container {
namespace {

void append(Scrollback& ring, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const iovec space = ring.space(text.size() - done);
    ASSERT_GT(space.iov_len, 0U);
    std::memcpy(space.iov_base, text.data() + done, space.iov_len);
    ring.commit(space.iov_len);
    done += space.iov_len;
  }
}

std::string read(const Scrollback& ring, std::uint64_t position) {
  iovec parts[2];
  std::string text;
  for (int i = 0, count = ring.from(position, parts); i < count; i++) {
    text.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  }
  return text;
}

TEST(Scrollback, GivesFromAnyPositionToTheEnd) {
  static Scrollback ring;
  EXPECT_EQ(read(ring, 0), "");
  append(ring, "hello world");
  EXPECT_EQ(ring.end(), 11U);
  EXPECT_EQ(ring.oldest(), 0U);
  EXPECT_EQ(read(ring, 0), "hello world");
  EXPECT_EQ(read(ring, 6), "world");
  EXPECT_EQ(read(ring, 11), "");
}

TEST(Scrollback, KeepsTheLastBytesInOrderAcrossTheWrap) {
  static Scrollback ring;
  std::string all;
  for (int i = 0; i < 20000; i++) {
    const std::string line = std::to_string(i) + ",";
    append(ring, line);
    all += line;
    if (i % 97 != 0) continue;
    const std::string kept = all.substr(ring.oldest());
    ASSERT_LE(kept.size(), Scrollback::kSize);
    ASSERT_EQ(read(ring, ring.oldest()), kept);
    ASSERT_EQ(read(ring, ring.end() - 1), ",");
  }
  EXPECT_EQ(ring.end() - ring.oldest(), Scrollback::kSize);
}

TEST(Scrollback, SpaceIsAsLongAsAskedButForTheWrap) {
  static Scrollback ring;
  EXPECT_EQ(ring.space(100).iov_len, 100U);
  ring.commit(Scrollback::kSize - 10);
  EXPECT_EQ(ring.space(100).iov_len, 10U);
  ring.commit(10);
  EXPECT_EQ(ring.space(Scrollback::kSize).iov_len, Scrollback::kSize);
}

}  // namespace
}  // namespace container
