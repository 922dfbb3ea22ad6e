#include <gtest/gtest.h>

#include "rpc/raw_client.hpp"

namespace rpc_test {
namespace {

using namespace std::chrono_literals;

rpc::ServerLimits fast() {
  rpc::ServerLimits limits;
  limits.keepalive_interval_seconds = 4;
  limits.keepalive_second = 10ms;
  limits.keepalive_count = 3;
  return limits;
}

rpc::PacketHeader keepalive(std::int32_t procedure) {
  rpc::PacketHeader header;
  header.program = rpc::kKeepaliveProgram;
  header.procedure = procedure;
  header.type = 2;
  return header;
}

void add_feature(TestServer& server) {
  server.table.on<rpc::proc::ConnectSupportsFeature>(rpc::Run::Inline,
                                                     [](rpc::Call& call, const rpc::ConnectSupportsFeatureArgs& args) {
                                                       if (args.feature == 10) call.connection->start_keepalive();
                                                       return rpc::ConnectSupportsFeatureRet{1};
                                                     });
}

TEST(KeepaliveTest, PingIsAnsweredEvenBeforeAuthentication) {
  TestServer server;
  server.authenticate = false;
  server.start();
  RawClient client = server.connect();
  client.send(keepalive(1));
  const Received answer = client.expect();
  EXPECT_EQ(answer.header, keepalive(2));
  EXPECT_TRUE(answer.payload.empty());
  client.send(keepalive(2));
  client.send(keepalive(3));
  EXPECT_TRUE(client.silent_for(30ms));
}

TEST(KeepaliveTest, NoPingUnlessAsked) {
  TestServer server(fast());
  add_feature(server);
  server.start();
  RawClient client = server.connect_open();
  EXPECT_TRUE(client.silent_for(200ms));
}

TEST(KeepaliveTest, SilentClientGetsItsPingsAndIsDropped) {
  TestServer server(fast());
  add_feature(server);
  server.start();
  RawClient client = server.connect();
  client.ask<rpc::proc::ConnectSupportsFeature>({10});
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.expect().header, keepalive(1));
  EXPECT_TRUE(client.closed_by_server());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 155ms);  // three pings and one more interval
}

TEST(KeepaliveTest, AnyPacketCountsAsAnswer) {
  auto limits = fast();
  limits.keepalive_count = 5;
  TestServer server(limits);
  add_feature(server);
  server.start();
  RawClient client = server.connect();
  client.ask<rpc::proc::ConnectSupportsFeature>({10});
  for (int i = 0; i < 8; ++i) {  // more than would be forgiven unanswered
    EXPECT_EQ(client.expect().header, keepalive(1));
    client.send(keepalive(2));
  }
}

TEST(KeepaliveTest, BusyClientIsNeverPinged) {
  auto limits = fast();
  limits.keepalive_interval_seconds = 50;
  TestServer server(limits);
  add_feature(server);
  server.start();
  RawClient client = server.connect();
  int pings = 0;
  auto longest_gap = 0ms;
  for (int i = 0; i < 30; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(25ms);
    client.call<rpc::proc::ConnectSupportsFeature>({10});
    while (client.expect().header.program == rpc::kKeepaliveProgram) ++pings;
    const auto gap = std::chrono::steady_clock::now() - begin;
    longest_gap = std::max(longest_gap, std::chrono::duration_cast<std::chrono::milliseconds>(gap));
  }
  if (longest_gap > 400ms) GTEST_SKIP() << "this machine stood still for " << longest_gap.count() << " ms";
  EXPECT_EQ(pings, 0);
}

TEST(KeepaliveTest, IntervalOfZeroTurnsItOff) {
  auto limits = fast();
  limits.keepalive_interval_seconds = 0;
  TestServer server(limits);
  add_feature(server);
  server.start();
  RawClient client = server.connect();
  client.ask<rpc::proc::ConnectSupportsFeature>({10});
  EXPECT_TRUE(client.silent_for(200ms));
}

}  // namespace
}  // namespace rpc_test
