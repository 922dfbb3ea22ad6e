// Row by row: what the server answers to input no well-behaved client sends.
#include <gtest/gtest.h>

#include "rpc/raw_client.hpp"

namespace rpc_test {
namespace {

using namespace std::chrono_literals;
using rpc::NetMessageStatus;
using rpc::NetMessageType;

class BadInput : public testing::Test {
 protected:
  void SetUp() override {
    add_hostname(server);
    server.table.on<rpc::proc::DomainLookupByName>(
        rpc::Run::Inline, [](rpc::Call&, const rpc::DomainLookupByNameArgs& args) -> rpc::DomainLookupByNameRet {
          base::fail(base::Code::NoDomain, "no domain with matching name '", args.name, "'");
        });
    server.table.on<rpc::proc::ConnectSupportsFeature>(rpc::Run::Inline,
                                                       [](rpc::Call&, const rpc::ConnectSupportsFeatureArgs& args) {
                                                         return rpc::ConnectSupportsFeatureRet{args.feature};
                                                       });
    server.start();
  }

  void expect_alive(RawClient& client) { EXPECT_EQ(client.ask<rpc::proc::ConnectGetHostname>().hostname, "here"); }

  static rpc::NetMessageError expect_echoed(RawClient& client, const rpc::PacketHeader& header) {
    const Received reply = client.expect();
    EXPECT_EQ(reply.header, header.answer(NetMessageType::Reply, NetMessageStatus::Error));
    return decoded<rpc::NetMessageError>(reply.payload);
  }

  static void expect_rpc_error(const rpc::NetMessageError& error) {
    EXPECT_EQ(error.code, 39);
    EXPECT_EQ(error.domain, 7);
    EXPECT_EQ(error.level, 2);
  }

  TestServer server;
};

TEST_F(BadInput, UnknownProgramOrVersion) {
  RawClient client = server.connect_open();
  auto header = client.call_header(0x12345678, 9);
  client.send(header);
  expect_rpc_error(expect_echoed(client, header));
  header = client.call_header(rpc::kRemoteProgram, 9);
  header.version = 2;
  client.send(header);
  expect_rpc_error(expect_echoed(client, header));
  header = client.call_header(rpc::kAdminProgram, 1);  // not on this socket
  client.send(header);
  expect_rpc_error(expect_echoed(client, header));
  expect_alive(client);
}

TEST_F(BadInput, UnknownProcedure) {
  RawClient client = server.connect_open();
  for (const std::int32_t procedure : {0, -1, 457, 100000, 107, 318, INT32_MIN, INT32_MAX}) {
    const auto header = client.call_header(rpc::kRemoteProgram, procedure);
    client.send(header);
    const auto error = expect_echoed(client, header);
    expect_rpc_error(error);
    EXPECT_TRUE(error.message->starts_with("unknown procedure")) << *error.message;
  }
  expect_alive(client);
}

TEST_F(BadInput, CallWithAStatus) {
  RawClient client = server.connect_open();
  for (const std::int32_t status : {1, 2, 3, -1}) {
    auto header = client.call_header(rpc::kRemoteProgram, rpc::proc::ConnectGetHostname::kNumber);
    header.status = status;
    client.send(header);
    expect_rpc_error(expect_echoed(client, header));
  }
  expect_alive(client);
}

TEST_F(BadInput, CallBeforeOpen) {
  RawClient client = server.connect();
  const auto header = client.call_header(rpc::kRemoteProgram, rpc::proc::ConnectGetHostname::kNumber);
  client.send(header);
  const auto error = expect_echoed(client, header);
  EXPECT_EQ(error.code, 1);
  EXPECT_EQ(error.domain, 7);
  EXPECT_EQ(client.ask<rpc::proc::ConnectSupportsFeature>({10}).supported, 10);
  client.call<rpc::proc::ConnectSupportsFeature>({14});
  EXPECT_EQ(client.expect_error().code, 1);
  client.open();
  expect_alive(client);
}

TEST_F(BadInput, SecondOpen) {
  RawClient client = server.connect_open();
  client.call<rpc::proc::ConnectOpen>();
  const auto error = client.expect_error();
  EXPECT_EQ(error.code, 1);
  EXPECT_EQ(error.domain, 7);
  expect_alive(client);
}

TEST_F(BadInput, SilentlyDropped) {
  RawClient client = server.connect_open();
  for (const std::int32_t type : {1, 2, 3, 6, 7, 8, 1000, -1}) {
    auto header = client.call_header(rpc::kRemoteProgram, rpc::proc::ConnectGetHostname::kNumber);
    header.type = type;
    client.send(header, "1234");
  }
  auto reply_with_fds = client.call_header(rpc::kRemoteProgram, 3);
  reply_with_fds.type = static_cast<std::int32_t>(NetMessageType::ReplyWithFds);
  client.send(reply_with_fds, "", 0);
  expect_alive(client);  // whose reply is the first thing that comes
}

TEST_F(BadInput, LengthOutOfRangeClosesWithoutAnswer) {
  for (const std::uint32_t length : {0u, 4u, 27u, 33554437u, 0xffffffffu}) {
    RawClient client = server.connect_open();
    rpc::Encoder word;
    word.put_u32(length);
    client.send_bytes(word.bytes());
    EXPECT_TRUE(client.closed_by_server()) << length;
  }
}

TEST_F(BadInput, TooManyDescriptors) {
  RawClient client = server.connect_open();
  auto header = client.call_header(rpc::kRemoteProgram, 310);
  header.type = static_cast<std::int32_t>(NetMessageType::CallWithFds);
  client.send(header, "", 33);
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(BadInput, DescriptorBytesWithoutDescriptors) {
  RawClient client = server.connect_open();
  auto header = client.call_header(rpc::kRemoteProgram, 310);
  header.type = static_cast<std::int32_t>(NetMessageType::CallWithFds);
  client.send(header, "", 1);
  client.send_bytes(std::string_view("\0", 1));
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(BadInput, DescriptorNobodyAnnounced) {
  RawClient client = server.connect_open();
  client.send_fd(0);
  client.send_bytes(std::string(27, 'x'));
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(BadInput, ShortOrOverlongArguments) {
  RawClient client = server.connect_open();
  const auto header = client.call_header(rpc::kRemoteProgram, rpc::proc::DomainLookupByName::kNumber);
  client.send(header, "");
  expect_rpc_error(expect_echoed(client, header));
  client.send(header, std::string("\x7f\xff\xff\xff", 4));
  expect_rpc_error(expect_echoed(client, header));
  expect_alive(client);
}

TEST_F(BadInput, TrailingBytesAreIgnored) {
  RawClient client = server.connect_open();
  const auto header = client.call_header(rpc::kRemoteProgram, rpc::proc::DomainLookupByName::kNumber);
  client.send(header, encoded(rpc::DomainLookupByNameArgs{"web"}) + "more");
  EXPECT_EQ(expect_echoed(client, header).message, "Domain not found: no domain with matching name 'web'");
}

TEST_F(BadInput, KeepaliveAsCallIsAnUnknownProgram) {
  RawClient client = server.connect_open();
  const auto header = client.call_header(rpc::kKeepaliveProgram, 1);
  client.send(header);
  expect_rpc_error(expect_echoed(client, header));
}

TEST_F(BadInput, OthersDoNotNoticeABrokenClient) {
  RawClient good = server.connect_open();
  RawClient broken = server.connect_open();
  RawClient endless = server.connect_open();
  rpc::Encoder announced;
  announced.put_u32(33554436);
  endless.send_bytes(announced.bytes());
  broken.send_bytes(std::string(1000, '\xff'));
  EXPECT_TRUE(broken.closed_by_server());
  expect_alive(good);
}

TEST_F(BadInput, ByteByByteIsSlowButFine) {
  RawClient client = server.connect_open();
  const std::string bytes =
      rpc::format_packet(client.call_header(rpc::kRemoteProgram, rpc::proc::ConnectGetHostname::kNumber), "");
  for (const char byte : bytes) client.send_bytes({&byte, 1});
  EXPECT_EQ(decoded<rpc::ConnectGetHostnameRet>(client.expect().payload).hostname, "here");
}

}  // namespace
}  // namespace rpc_test
