#include "rpc/xdr.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "rpc/codec.hpp"

namespace rpc {
namespace {

TEST(Xdr, WritesBigEndianInMultiplesOfFour) {
  Encoder out;
  out.put_u32(0x01020304);
  out.put_u64(0x05060708090a0b0cULL);
  out.put_opaque("abcde");
  out.put_opaque_fixed("xy");
  EXPECT_EQ(out.bytes(), std::string("\1\2\3\4\5\6\7\10\11\12\13\14\0\0\0\5abcde\0\0\0xy\0\0", 28));
}

TEST(Xdr, ReadsBackWhatItWrote) {
  Encoder out;
  out.put_u32(7);
  out.put_u64(~0ULL);
  out.put_double(-2.5);
  out.put_opaque("four");
  out.put_opaque("");
  Decoder in(out.bytes());
  EXPECT_EQ(in.get_u32(), 7u);
  EXPECT_EQ(in.get_u64(), ~0ULL);
  EXPECT_EQ(in.get_double(), -2.5);
  EXPECT_EQ(in.get_opaque(4), "four");
  EXPECT_EQ(in.get_opaque(0), "");
  EXPECT_EQ(in.remaining(), 0u);
}

TEST(Xdr, DecoderNeverReadsPastTheEnd) {
  const std::string three(3, '\0');
  EXPECT_THROW(Decoder(three).get_u32(), base::Error);
  EXPECT_THROW(Decoder(std::string(7, '\0')).get_u64(), base::Error);
  EXPECT_THROW(Decoder("abc").get_opaque_fixed(3), base::Error);  // the padding is missing
  const std::string huge("\xff\xff\xff\xff", 4);
  EXPECT_THROW(Decoder(huge).get_opaque(~std::size_t{0}), base::Error);
}

TEST(Xdr, BoundsAreCheckedBeforeAnythingIsAllocated) {
  Encoder out;
  out.put_opaque("12345");
  EXPECT_THROW(Decoder(out.bytes()).get_opaque(4), base::Error);

  Encoder counts;
  counts.put_u32(3);
  counts.put_u64(0);
  EXPECT_EQ(Decoder(counts.bytes()).get_count(3, 2), 3u);
  EXPECT_THROW(Decoder(counts.bytes()).get_count(2, 2), base::Error);
  EXPECT_THROW(Decoder(counts.bytes()).get_count(3, 4), base::Error);  // three times four do not fit in eight bytes
}

TEST(Xdr, SmallIntegersTakeFourBytesAndMustFit) {
  Encoder out;
  put_small(out, static_cast<std::int8_t>(-1));
  put_small(out, static_cast<std::uint16_t>(65535));
  EXPECT_EQ(out.bytes(), std::string("\xff\xff\xff\xff\0\0\xff\xff", 8));
  Decoder in(out.bytes());
  std::int8_t small = 0;
  std::uint8_t byte = 0;
  get_small(in, small);
  EXPECT_EQ(small, -1);
  EXPECT_THROW(get_small(in, byte), base::Error);
}

TEST(Xdr, StringsEndAtTheirFirstNul) {
  Encoder out;
  out.put_opaque(std::string_view("a\0b", 3));
  Decoder in(out.bytes());
  std::string text;
  EXPECT_THROW(get_string(in, text, 10), base::Error);
}

TEST(Xdr, CharacterArraysTakeFourBytesEach) {
  Encoder out;
  put_chars_fixed(out, "i686", 32);
  EXPECT_EQ(out.bytes().size(), 128u);
  Decoder in(out.bytes());
  std::string model;
  get_chars_fixed(in, model, 32);
  EXPECT_EQ(model, "i686");
  EXPECT_THROW(put_chars_fixed(out, std::string(33, 'x'), 32), base::Error);
}

TEST(Xdr, PresenceIsZeroOrOne) {
  Encoder out;
  out.put_u32(2);
  Decoder in(out.bytes());
  EXPECT_THROW(get_presence(in), base::Error);
}

TEST(Xdr, ViolationsAreRpcErrors) {
  try {
    Decoder("").get_u32();
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::Rpc);
    EXPECT_EQ(error.from(), base::From::Rpc);
  }
}

}  // namespace
}  // namespace rpc
