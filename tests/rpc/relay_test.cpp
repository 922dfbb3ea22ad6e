// Calls, streams and events that go on to another daemon: the test plays the client at one end and that daemon at the
// other.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <mutex>

#include "rpc/raw_client.hpp"

namespace rpc_test {
namespace {

using namespace std::chrono_literals;
using rpc::NetMessageStatus;
using rpc::NetMessageType;
namespace proc = rpc::proc;

constexpr std::size_t kBigUpload = 8u << 20;

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  return bytes;
}

class RelayTest : public testing::Test {
 protected:
  RelayTest() {
    const auto alone = [](rpc::Call&, rpc::Decoder&, rpc::Encoder& out) {
      rpc::encode(out, rpc::ConnectNumOfNetworksRet{0});
    };
    for (const rpc::ProcedureInfo& info : rpc::procedures())
      if (info.subdriver != rpc::Subdriver::None && !info.is_event)
        server.table.relay(info.program, info.number, route, alone);
    add_hostname(server);
  }

  RawClient start(bool read_only = false) {
    server.start();
    RawClient client = server.connect();
    client.open(read_only);
    return client;
  }

  /// The other daemon's end of the connection that was made last.
  RawClient& upstream() {
    if (!eventually([this] { return connections() > accepted; })) throw std::runtime_error("no relay was made");
    const std::scoped_lock lock(mutex);
    accepted = ends.size();
    return ends.back();
  }
  std::size_t connections() {
    const std::scoped_lock lock(mutex);
    return ends.size();
  }

  static void answer(RawClient& daemon, const Received& call, const std::string& body = {},
                     NetMessageStatus status = NetMessageStatus::Ok) {
    daemon.send(call.header.answer(NetMessageType::Reply, status), body);
  }
  template <typename P>
  static Received expect_call(RawClient& daemon) {
    Received call = daemon.expect();
    EXPECT_EQ(call.header.procedure, P::kNumber);
    EXPECT_TRUE(call.header.is(NetMessageType::Call));
    return call;
  }
  /// Plays the daemon's part until it is open; what CONNECT_OPEN said.
  static rpc::ConnectOpenArgs welcome(RawClient& daemon) {
    answer(daemon, expect_call<proc::AuthList>(daemon), encoded(rpc::AuthListRet{{rpc::AuthType::None}}));
    const Received open = expect_call<proc::ConnectOpen>(daemon);
    answer(daemon, open);
    answer(daemon, expect_call<proc::ConnectSetIdentity>(daemon));
    return decoded<rpc::ConnectOpenArgs>(open.payload);
  }
  /// A client that has opened a stream with `P` through the relay; the call as the other daemon saw it.
  template <typename P>
  std::pair<rpc::PacketHeader, rpc::PacketHeader> open_stream(RawClient& client, RawClient*& daemon) {
    rpc::PacketHeader mine = client.call_header(P::kProgram, P::kNumber);
    mine.type = static_cast<std::int32_t>(NetMessageType::Stream);
    client.call<P>();
    daemon = &upstream();
    welcome(*daemon);
    const Received call = expect_call<P>(*daemon);
    answer(*daemon, call);
    EXPECT_TRUE(client.expect().header.is(NetMessageStatus::Ok));
    return {mine, call.header.answer(NetMessageType::Stream, NetMessageStatus::Continue)};
  }

  /// An event's message is a number and what it tells; here some text.
  static void send_event(RawClient& daemon, std::int32_t number, const std::string& text) {
    rpc::PacketHeader event;
    event.program = rpc::kRemoteProgram;
    event.procedure = rpc::event::NetworkEventLifecycle::kNumber;
    event.type = static_cast<std::int32_t>(NetMessageType::Message);
    daemon.send(event, encoded(rpc::ConnectNetworkEventRegisterAnyRet{number}) + text);
  }
  static std::pair<std::int32_t, std::string> expect_event(RawClient& client) {
    const Received got = client.expect();
    EXPECT_TRUE(got.header.is(NetMessageType::Message));
    rpc::Decoder in(got.payload);
    return {static_cast<std::int32_t>(in.get_u32()), std::string(got.payload.substr(4))};
  }

  std::mutex mutex;
  std::deque<RawClient> ends;
  std::size_t accepted = 0;
  std::atomic<bool> absent = false;
  rpc::RelayRoute route{"network:///system", [this](bool) {
                          if (absent) return base::Fd();
                          auto [ours, theirs] = base::socket_pair(SOCK_STREAM);
                          const std::scoped_lock lock(mutex);
                          ends.emplace_back(std::move(theirs));
                          return std::move(ours);
                        }};
  TestServer server;
};

using Count = proc::ConnectNumOfNetworks;
using Define = proc::NetworkDefineXml;
using Upload = proc::StorageVolUpload;
using Download = proc::StorageVolDownload;

TEST_F(RelayTest, ACallIsAnsweredByTheOtherDaemonUnderTheClientsSerial) {
  RawClient client = start();
  const auto serial = client.call<Count>();
  RawClient& daemon = upstream();
  const auto open = welcome(daemon);
  EXPECT_EQ(open.name, "network:///system");
  EXPECT_EQ(open.flags, 0u);
  answer(daemon, expect_call<Count>(daemon), encoded(rpc::ConnectNumOfNetworksRet{7}));
  const Received reply = client.expect();
  EXPECT_EQ(reply.header.serial, serial);
  EXPECT_EQ(decoded<rpc::ConnectNumOfNetworksRet>(reply.payload).num, 7);
}

TEST_F(RelayTest, OneConnectionServesAllCallsInTheOrderTheOtherDaemonLikes) {
  RawClient client = start();
  const auto first = client.call<Count>();
  const auto second = client.call<proc::ConnectNumOfDefinedNetworks>();
  RawClient& daemon = upstream();
  welcome(daemon);
  const Received one = expect_call<Count>(daemon);
  const Received two = expect_call<proc::ConnectNumOfDefinedNetworks>(daemon);
  answer(daemon, two, encoded(rpc::ConnectNumOfDefinedNetworksRet{2}));
  EXPECT_EQ(client.expect().header.serial, second);
  answer(daemon, one, encoded(rpc::ConnectNumOfNetworksRet{1}));
  EXPECT_EQ(client.expect().header.serial, first);
  EXPECT_EQ(connections(), 1u);
}

TEST_F(RelayTest, TheOtherDaemonLearnsForWhomItWorks) {
  RawClient client = start();
  client.call<Count>();
  RawClient& daemon = upstream();
  answer(daemon, expect_call<proc::AuthList>(daemon), encoded(rpc::AuthListRet{}));
  answer(daemon, expect_call<proc::ConnectOpen>(daemon));
  const auto identity = decoded<rpc::ConnectSetIdentityArgs>(expect_call<proc::ConnectSetIdentity>(daemon).payload);
  const auto value = [&](const std::string& name) {
    const auto found = std::ranges::find(identity.params, name, &rpc::TypedParam::field);
    return found == identity.params.end() ? rpc::TypedParamValue{} : found->value;
  };
  EXPECT_EQ(value("process-id"), rpc::TypedParamValue(std::int64_t{::getpid()}));
  EXPECT_EQ(value("unix-user-id"), rpc::TypedParamValue(std::uint64_t{::getuid()}));
  EXPECT_NE(value("process-time"), rpc::TypedParamValue(std::uint64_t{0}));
}

TEST_F(RelayTest, AReadOnlyClientIsReadOnlyThereAndChangesNothingHere) {
  RawClient client = start(true);
  client.call<Define>();
  EXPECT_EQ(client.expect_error().code, VIR_ERR_OPERATION_DENIED);
  EXPECT_EQ(connections(), 0u);
  client.call<Count>();
  EXPECT_EQ(welcome(upstream()).flags, 1u);
}

TEST_F(RelayTest, AnErrorPassesUnchanged) {
  RawClient client = start();
  client.call<Define>();
  RawClient& daemon = upstream();
  welcome(daemon);
  rpc::NetMessageError error;
  error.code = VIR_ERR_NETWORK_EXIST;
  error.domain = VIR_FROM_NETWORK;
  error.message = "there is one";
  error.str2 = "detail";
  error.int1 = 5;
  answer(daemon, expect_call<Define>(daemon), encoded(error), NetMessageStatus::Error);
  EXPECT_EQ(client.expect_error(), error);
}

TEST_F(RelayTest, AnEventPasses) {
  RawClient client = start();
  client.call<proc::ConnectNetworkEventRegisterAny>();
  RawClient& daemon = upstream();
  welcome(daemon);
  answer(daemon, expect_call<proc::ConnectNetworkEventRegisterAny>(daemon),
         encoded(rpc::ConnectNetworkEventRegisterAnyRet{3}));
  EXPECT_EQ(decoded<rpc::ConnectNetworkEventRegisterAnyRet>(client.expect().payload).callbackID, 0);
  send_event(daemon, 4, "another's");
  send_event(daemon, 3, "its content");
  EXPECT_EQ(expect_event(client), (std::pair<std::int32_t, std::string>(0, "its content")));
}

TEST_F(RelayTest, WhatADaemonThatCameBackIsAskedAgain) {
  RawClient client = start();
  const rpc::ConnectNetworkEventRegisterAnyArgs wanted{.eventID = 0};
  client.call<proc::ConnectNetworkEventRegisterAny>(wanted);
  {
    RawClient& daemon = upstream();
    welcome(daemon);
    answer(daemon, expect_call<proc::ConnectNetworkEventRegisterAny>(daemon),
           encoded(rpc::ConnectNetworkEventRegisterAnyRet{3}));
    EXPECT_EQ(decoded<rpc::ConnectNetworkEventRegisterAnyRet>(client.expect().payload).callbackID, 0);
    daemon.disconnect();
  }
  // By nobody's call: the client may be waiting for nothing but the event.
  RawClient& again = upstream();
  welcome(again);
  const Received asked = expect_call<proc::ConnectNetworkEventRegisterAny>(again);
  EXPECT_EQ(asked.payload, encoded(wanted));
  answer(again, asked, encoded(rpc::ConnectNetworkEventRegisterAnyRet{8}));
  send_event(again, 3, "the number of before");
  send_event(again, 8, "it is there again");
  EXPECT_EQ(expect_event(client), (std::pair<std::int32_t, std::string>(0, "it is there again")));
  client.call<proc::ConnectNetworkEventDeregisterAny>(rpc::ConnectNetworkEventDeregisterAnyArgs{0});
  const Received ended = expect_call<proc::ConnectNetworkEventDeregisterAny>(again);
  EXPECT_EQ(decoded<rpc::ConnectNetworkEventDeregisterAnyArgs>(ended.payload).callbackID, 8);
  answer(again, ended);
  EXPECT_TRUE(client.expect().header.is(NetMessageStatus::Ok));
  client.call<proc::ConnectNetworkEventDeregisterAny>(rpc::ConnectNetworkEventDeregisterAnyArgs{0});
  const Received unknown = expect_call<proc::ConnectNetworkEventDeregisterAny>(again);
  EXPECT_EQ(decoded<rpc::ConnectNetworkEventDeregisterAnyArgs>(unknown.payload).callbackID, -1);
}

TEST_F(RelayTest, ADaemonThatStaysAwayIsLookedForUntilItIsThere) {
  RawClient client = start();
  client.call<proc::ConnectSecretEventRegisterAny>();
  {
    RawClient& daemon = upstream();
    welcome(daemon);
    answer(daemon, expect_call<proc::ConnectSecretEventRegisterAny>(daemon),
           encoded(rpc::ConnectSecretEventRegisterAnyRet{1}));
    client.expect();
    absent = true;
    daemon.disconnect();
  }
  EXPECT_EQ(client.ask<proc::ConnectGetHostname>().hostname, "here");
  absent = false;
  RawClient& again = upstream();
  welcome(again);
  expect_call<proc::ConnectSecretEventRegisterAny>(again);
}

TEST_F(RelayTest, ADaemonThatHangsUpFailsItsCallsAlone) {
  RawClient client = start();
  client.call<Count>();
  client.call<Define>();
  RawClient& daemon = upstream();
  welcome(daemon);
  expect_call<Count>(daemon);
  daemon.disconnect();
  for (int i = 0; i < 2; ++i) {
    const auto error = client.expect_error();
    EXPECT_EQ(error.code, VIR_ERR_SYSTEM_ERROR);
    EXPECT_EQ(error.domain, VIR_FROM_RPC);
    EXPECT_EQ(error.int1, EIO);
  }
  EXPECT_EQ(client.ask<proc::ConnectGetHostname>().hostname, "here");
  // The next call finds the daemon that came back.
  client.call<Count>();
  RawClient& again = upstream();
  welcome(again);
  answer(again, expect_call<Count>(again), encoded(rpc::ConnectNumOfNetworksRet{4}));
  EXPECT_EQ(decoded<rpc::ConnectNumOfNetworksRet>(client.expect().payload).num, 4);
}

TEST_F(RelayTest, ARefusedOpenIsTheCallsError) {
  RawClient client = start();
  client.call<Count>();
  RawClient& daemon = upstream();
  answer(daemon, expect_call<proc::AuthList>(daemon), encoded(rpc::AuthListRet{}));
  rpc::NetMessageError error;
  error.code = VIR_ERR_ACCESS_DENIED;
  error.message = "not you";
  answer(daemon, expect_call<proc::ConnectOpen>(daemon), encoded(error), NetMessageStatus::Error);
  EXPECT_EQ(client.expect_error(), error);
}

TEST_F(RelayTest, ADaemonThatAsksForAuthenticationIsNotUsed) {
  RawClient client = start();
  client.call<Count>();
  RawClient& daemon = upstream();
  answer(daemon, expect_call<proc::AuthList>(daemon), encoded(rpc::AuthListRet{{rpc::AuthType::Sasl}}));
  EXPECT_EQ(client.expect_error().code, VIR_ERR_AUTH_FAILED);
  EXPECT_TRUE(daemon.closed_by_server());
}

TEST_F(RelayTest, WithoutADaemonTheCallIsAnsweredHere) {
  absent = true;
  RawClient client = start();
  EXPECT_EQ(client.ask<Count>().num, 0);
}

TEST_F(RelayTest, WithADaemonThatLacksTheDriverTheCallIsAnsweredHere) {
  RawClient client = start();
  client.call<Count>();
  RawClient& daemon = upstream();
  answer(daemon, expect_call<proc::AuthList>(daemon), encoded(rpc::AuthListRet{}));
  rpc::NetMessageError error;
  error.code = VIR_ERR_NO_CONNECT;
  answer(daemon, expect_call<proc::ConnectOpen>(daemon), encoded(error), NetMessageStatus::Error);
  const Received reply = client.expect();
  EXPECT_TRUE(reply.header.is(NetMessageStatus::Ok));
  EXPECT_EQ(decoded<rpc::ConnectNumOfNetworksRet>(reply.payload).num, 0);
}

TEST_F(RelayTest, NonsenseEndsTheRelayAndNotTheClient) {
  RawClient client = start();
  client.call<Count>();
  RawClient& daemon = upstream();
  welcome(daemon);
  const Received call = expect_call<Count>(daemon);
  // Nobody waits for these.
  rpc::PacketHeader stray = call.header.answer(NetMessageType::Reply, NetMessageStatus::Ok);
  stray.serial += 1000;
  daemon.send(stray);
  stray.type = static_cast<std::int32_t>(NetMessageType::Stream);
  daemon.send(stray);
  daemon.send(call.header);  // a call in the wrong direction
  daemon.send_bytes(std::string("\xff\xff\xff\xff", 4));
  EXPECT_EQ(client.expect_error().code, VIR_ERR_RPC);
  EXPECT_TRUE(daemon.closed_by_server());
  EXPECT_EQ(client.ask<proc::ConnectGetHostname>().hostname, "here");
}

TEST_F(RelayTest, ASilentDaemonHoldsNobodyElseUp) {
  RawClient client = start();
  client.call<Count>();
  RawClient& daemon = upstream();
  expect_call<proc::AuthList>(daemon);
  EXPECT_EQ(client.ask<proc::ConnectGetHostname>().hostname, "here");
  RawClient other = server.connect_open();
  EXPECT_EQ(other.ask<proc::ConnectGetHostname>().hostname, "here");
}

TEST_F(RelayTest, TheEndOfTheClientEndsItsRelay) {
  RawClient client = start();
  client.call<Count>();
  RawClient& daemon = upstream();
  welcome(daemon);
  expect_call<Count>(daemon);  // never answered
  client.disconnect();
  EXPECT_TRUE(daemon.closed_by_server());
  EXPECT_TRUE(eventually([this] { return server.server().connection_count() == 0; }));
}

TEST_F(RelayTest, AnUploadPassesAndIsConfirmedByTheOtherDaemon) {
  RawClient client = start();
  RawClient* daemon = nullptr;
  const auto [mine, theirs] = open_stream<Upload>(client, daemon);
  client.send(mine.answer(NetMessageType::Stream, NetMessageStatus::Continue), "some bytes");
  client.send(mine.answer(NetMessageType::StreamHole, NetMessageStatus::Continue),
              encoded(rpc::NetStreamHole{.length = 4096, .flags = 0}));
  client.send(mine.answer(NetMessageType::Stream, NetMessageStatus::Ok));
  const Received data = daemon->expect();
  EXPECT_EQ(data.header, theirs);
  EXPECT_EQ(data.payload, "some bytes");
  EXPECT_TRUE(daemon->expect().header.is(NetMessageType::StreamHole));
  EXPECT_TRUE(daemon->expect().header.is(NetMessageStatus::Ok));
  EXPECT_TRUE(client.silent_for(50ms));  // only the other daemon knows when it has everything
  daemon->send(theirs.answer(NetMessageType::Stream, NetMessageStatus::Ok));
  const Received confirmed = client.expect();
  EXPECT_EQ(confirmed.header, mine.answer(NetMessageType::Stream, NetMessageStatus::Ok));
  // The stream is over: late packets go nowhere.
  client.send(mine.answer(NetMessageType::Stream, NetMessageStatus::Continue), "late");
  EXPECT_EQ(client.ask<proc::ConnectGetHostname>().hostname, "here");
  EXPECT_TRUE(daemon->silent_for(50ms));
}

TEST_F(RelayTest, AnUploadThatTheOtherDaemonDoesNotTakeStopsTheClient) {
  RawClient client = start();
  RawClient* daemon = nullptr;
  const auto streams = open_stream<Upload>(client, daemon);
  const rpc::PacketHeader mine = streams.first;
  const std::string content = pattern(kBigUpload);
  std::atomic<std::size_t> sent = 0;
  auto sender = std::async(std::launch::async, [&] {
    for (std::size_t at = 0; at < content.size(); at += rpc::Stream::kStreamChunk) {
      client.send(mine.answer(NetMessageType::Stream, NetMessageStatus::Continue),
                  std::string_view(content).substr(at, rpc::Stream::kStreamChunk));
      sent = at + rpc::Stream::kStreamChunk;
    }
  });
  EXPECT_EQ(sender.wait_for(300ms), std::future_status::timeout);
  EXPECT_LT(sent, 4u << 20);
  std::string got;
  while (got.size() < content.size()) got += daemon->expect().payload;
  sender.get();
  EXPECT_TRUE(got == content);
}

TEST_F(RelayTest, ADownloadThatTheClientDoesNotReadStopsTheOtherDaemon) {
  RawClient client = start();
  RawClient* daemon = nullptr;
  const auto streams = open_stream<Download>(client, daemon);
  const rpc::PacketHeader theirs = streams.second;
  const std::string content = pattern(kBigUpload);
  std::atomic<std::size_t> sent = 0;
  auto sender = std::async(std::launch::async, [&] {
    for (std::size_t at = 0; at < content.size(); at += rpc::Stream::kStreamChunk) {
      daemon->send(theirs, std::string_view(content).substr(at, rpc::Stream::kStreamChunk));
      sent = at + rpc::Stream::kStreamChunk;
    }
    daemon->send(theirs);
  });
  EXPECT_EQ(sender.wait_for(300ms), std::future_status::timeout);
  EXPECT_LT(sent, 4u << 20);
  std::string got;
  for (Received packet = client.expect(); !packet.payload.empty(); packet = client.expect()) got += packet.payload;
  sender.get();
  EXPECT_TRUE(got == content);
}

TEST_F(RelayTest, AnAbortIsConfirmedByTheOtherDaemon) {
  RawClient client = start();
  RawClient* daemon = nullptr;
  const auto [mine, theirs] = open_stream<Download>(client, daemon);
  client.send(mine.answer(NetMessageType::Stream, NetMessageStatus::Error));
  EXPECT_EQ(daemon->expect().header, theirs.answer(NetMessageType::Stream, NetMessageStatus::Error));
  daemon->send(theirs.answer(NetMessageType::Stream, NetMessageStatus::Ok));
  EXPECT_EQ(client.expect().header, mine.answer(NetMessageType::Stream, NetMessageStatus::Ok));
}

TEST_F(RelayTest, ADaemonThatHangsUpFailsItsStreams) {
  RawClient client = start();
  RawClient* daemon = nullptr;
  const auto [mine, theirs] = open_stream<Download>(client, daemon);
  daemon->send(theirs, "first");
  EXPECT_EQ(client.expect().payload, "first");
  daemon->disconnect();
  const Received failed = client.expect();
  EXPECT_EQ(failed.header, mine.answer(NetMessageType::Stream, NetMessageStatus::Error));
  EXPECT_EQ(decoded<rpc::NetMessageError>(failed.payload).code, VIR_ERR_SYSTEM_ERROR);
  EXPECT_EQ(client.ask<proc::ConnectGetHostname>().hostname, "here");
}

}  // namespace
}  // namespace rpc_test
