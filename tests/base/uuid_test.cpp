#include "base/uuid.hpp"

#include <gtest/gtest.h>

namespace {

TEST(Uuid, ReadsTheSpellingsLibvirtReads) {
  const auto plain = base::parse_uuid("00112233445566778899aabbccddeeff");
  ASSERT_TRUE(plain);
  EXPECT_EQ(base::parse_uuid("00112233-4455-6677-8899-AABBCCDDEEFF"), plain);
  EXPECT_EQ(base::format_uuid(*plain), "00112233-4455-6677-8899-aabbccddeeff");
}

TEST(Uuid, RefusesEverythingElse) {
  for (const char* text : {"", "0", "00112233445566778899aabbccddeef", "00112233445566778899aabbccddeeff0",
                           "g0112233445566778899aabbccddeeff", "0-0112233445566778899aabbccddeeff"})
    EXPECT_FALSE(base::parse_uuid(text)) << text;
}

TEST(Uuid, RandomOnesDiffer) {
  EXPECT_NE(base::Uuid::random(), base::Uuid::random());
}

}  // namespace
