#include "base/boxed.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace std::string_literals;
using Box = base::Boxed<std::string>;

TEST(Boxed, IsNothingUntilItIsGivenSomething) {
  Box box;
  EXPECT_FALSE(box);
  EXPECT_EQ(box.value_or("otherwise"), "otherwise");
  box = "here"s;
  ASSERT_TRUE(box);
  EXPECT_EQ(*box, "here");
  EXPECT_EQ(box->size(), 4U);
  EXPECT_EQ(box.value_or("otherwise"), "here");
  box.reset();
  EXPECT_FALSE(box);
}

TEST(Boxed, CopiesAreTheirOwn) {
  const Box first = std::string("one");
  Box second = first;
  *second = "two";
  EXPECT_EQ(*first, "one");
  second = first;
  EXPECT_EQ(*second, "one");
}

TEST(Boxed, EqualsWhatSaysTheSame) {
  EXPECT_EQ(Box(), Box());
  EXPECT_EQ(Box("one"s), Box("one"s));
  EXPECT_NE(Box("one"s), Box("two"s));
  EXPECT_NE(Box("one"s), Box());
}

TEST(Boxed, TakesAndGivesAnOptional) {
  EXPECT_FALSE(Box(std::optional<std::string>()));
  const std::optional<std::string> given = Box(std::optional<std::string>("one"));
  EXPECT_EQ(given, "one");
}

}  // namespace
