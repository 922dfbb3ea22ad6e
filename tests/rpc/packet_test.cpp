#include "rpc/packet.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.hpp"

namespace rpc {
namespace {

PacketHeader header(NetMessageType type, std::uint32_t serial = 3) {
  PacketHeader result;
  result.program = kRemoteProgram;
  result.procedure = 9;
  result.type = static_cast<std::int32_t>(type);
  result.serial = serial;
  return result;
}

std::string length_word(std::uint32_t length) {
  Encoder out;
  out.put_u32(length);
  return out.take();
}

base::Fd some_fd() {
  return base::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

TEST(Packet, LayoutOnTheWire) {
  EXPECT_EQ(format_packet(header(NetMessageType::Call), "abcd"),
            std::string("\0\0\0\40\x20\x00\x80\x86\0\0\0\1\0\0\0\11\0\0\0\0\0\0\0\3\0\0\0\0abcd", 32));
  EXPECT_EQ(format_packet(header(NetMessageType::CallWithFds), "abcd", 2).substr(28), std::string("\0\0\0\2abcd", 8));
}

TEST(Packet, ReassemblesByteByByte) {
  const std::string bytes = format_packet(header(NetMessageType::Call, 1), "first payload...") +
                            format_packet(header(NetMessageType::Call, 2), "") +
                            format_packet(header(NetMessageType::Stream, 3), "third");
  PacketReader reader;
  Packet packet;
  std::vector<std::string> payloads;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    reader.feed(bytes.substr(i, 1));
    while (reader.next(packet)) {
      payloads.emplace_back(packet.payload);
      EXPECT_EQ(packet.header.serial, payloads.size());
    }
  }
  EXPECT_EQ(payloads, (std::vector<std::string>{"first payload...", "", "third"}));
  EXPECT_EQ(reader.buffered(), 0u);
}

TEST(Packet, TakesManyPacketsFromOneRead) {
  std::string bytes;
  for (std::uint32_t i = 0; i < 100; ++i) bytes += format_packet(header(NetMessageType::Call, i), std::string(i, 'x'));
  PacketReader reader;
  reader.feed(bytes);
  Packet packet;
  for (std::uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(reader.next(packet));
    EXPECT_EQ(packet.header.serial, i);
    EXPECT_EQ(packet.payload.size(), i);
  }
  EXPECT_FALSE(reader.next(packet));
}

TEST(Packet, LengthOutOfRangeIsFatalAtOnce) {
  for (const std::uint32_t length : {0u, 27u, 33554437u, 0xffffffffu}) {
    PacketReader reader;
    Packet packet;
    reader.feed(length_word(length));
    EXPECT_THROW(reader.next(packet), base::Error) << length;
  }
  for (const std::uint32_t length : {28u, 33554436u}) {
    PacketReader reader;
    Packet packet;
    reader.feed(length_word(length));
    EXPECT_FALSE(reader.next(packet)) << length;
  }
}

TEST(Packet, LargestPacketPasses) {
  PacketReader reader;
  Packet packet;
  const std::string bytes = format_packet(header(NetMessageType::Call), std::string(kMaxPayloadBytes, 'x'));
  ASSERT_EQ(bytes.size(), kMaxPacketBytes);
  for (std::size_t at = 0; at < bytes.size(); at += 65536) reader.feed(std::string_view(bytes).substr(at, 65536));
  ASSERT_TRUE(reader.next(packet));
  EXPECT_EQ(packet.payload.size(), 33554408u);
}

TEST(Packet, ALargeOneIsHandedOverAndTheNextStartsAnew) {
  const std::string large(300'000, 'x');
  PacketReader reader;
  Packet packet;
  for (std::uint32_t serial = 1; serial < 4; ++serial) {
    reader.feed(format_packet(header(NetMessageType::Call, serial), large + std::to_string(serial)));
    ASSERT_TRUE(reader.next(packet));
    EXPECT_EQ(packet.header.serial, serial);
    EXPECT_EQ(packet.payload, large + std::to_string(serial));
    EXPECT_EQ(packet.payload.data() + packet.payload.size(), packet.whole.data() + packet.whole.size());
    EXPECT_EQ(reader.buffered(), 0U);
    reader.feed(format_packet(header(NetMessageType::CallWithFds, 9), "small", 1));
    EXPECT_FALSE(reader.next(packet)) << "its descriptor has not come";
    reader.feed(std::string(1, '\0'), some_fd());
    ASSERT_TRUE(reader.next(packet));
    EXPECT_EQ(packet.fds.size(), 1U);
    EXPECT_TRUE(packet.whole.empty());
  }
}

TEST(Packet, DescriptorsFollowThePacket) {
  PacketReader reader;
  Packet packet;
  reader.feed(format_packet(header(NetMessageType::CallWithFds), "args", 2));
  EXPECT_FALSE(reader.next(packet));
  reader.feed(std::string_view("\0", 1), some_fd());
  EXPECT_FALSE(reader.next(packet));
  reader.feed(std::string_view("\0", 1), some_fd());
  ASSERT_TRUE(reader.next(packet));
  EXPECT_EQ(packet.fds.size(), 2u);
  EXPECT_EQ(packet.payload, "args");
  reader.feed(format_packet(header(NetMessageType::Call), ""));
  ASSERT_TRUE(reader.next(packet));
  EXPECT_TRUE(packet.fds.empty());
}

TEST(Packet, FirstDescriptorByteMayComeWithThePacket) {
  PacketReader reader;
  Packet packet;
  reader.feed(format_packet(header(NetMessageType::CallWithFds), "args", 1) + std::string(1, '\0'), some_fd());
  ASSERT_TRUE(reader.next(packet));
  EXPECT_EQ(packet.fds.size(), 1u);
}

TEST(Packet, DescriptorCountOfZeroIsFine) {
  PacketReader reader;
  Packet packet;
  reader.feed(format_packet(header(NetMessageType::CallWithFds), "args", 0));
  ASSERT_TRUE(reader.next(packet));
  EXPECT_EQ(packet.payload, "args");
}

TEST(Packet, BadDescriptorsAreFatal) {
  Packet packet;
  PacketReader too_many;
  too_many.feed(format_packet(header(NetMessageType::CallWithFds), "", 33));
  EXPECT_THROW(too_many.next(packet), base::Error);

  PacketReader without;
  without.feed(format_packet(header(NetMessageType::CallWithFds), "", 1) + std::string(1, '\0'));
  EXPECT_THROW(without.next(packet), base::Error);

  PacketReader inside;
  inside.feed(format_packet(header(NetMessageType::Call), "abcd"), some_fd());
  EXPECT_THROW(inside.next(packet), base::Error);

  PacketReader no_count;
  no_count.feed(format_packet(header(NetMessageType::Call), "").replace(16, 4, std::string("\0\0\0\4", 4)));
  EXPECT_THROW(no_count.next(packet), base::Error);
}

}  // namespace
}  // namespace rpc
