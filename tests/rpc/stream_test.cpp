#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <future>

#include "rpc/raw_client.hpp"

namespace rpc_test {
namespace {

using namespace std::chrono_literals;
using rpc::NetMessageStatus;
using rpc::NetMessageType;
using Console = rpc::proc::DomainOpenConsole;

/// A peer made of functions; what is not set accepts everything.
struct ScriptedPeer final : rpc::StreamPeer {
  struct Script {
    std::function<void(rpc::Stream&)> opened = [](rpc::Stream&) {};
    std::function<std::size_t(std::string_view)> on_data = [](std::string_view bytes) { return bytes.size(); };
    std::function<void()> on_can_send = [] {};
    std::function<void()> on_finish = [] {};
    std::function<void()> on_abort = [] {};
    std::function<void(std::int64_t)> on_hole;
    std::atomic<int> destroyed = 0;
    rpc::Stream* stream = nullptr;
  };
  explicit ScriptedPeer(Script& script) : script_(script) {}
  ~ScriptedPeer() override { ++script_.destroyed; }
  void opened(rpc::Stream& stream) override {
    script_.stream = &stream;
    script_.opened(stream);
  }
  std::size_t on_data(std::string_view bytes) override { return script_.on_data(bytes); }
  void on_can_send() override { script_.on_can_send(); }
  void on_finish() override { script_.on_finish(); }
  void on_hole(std::int64_t length) override {
    if (script_.on_hole) return script_.on_hole(length);
    StreamPeer::on_hole(length);
  }
  void on_abort() override { script_.on_abort(); }

 private:
  Script& script_;
};

class StreamTest : public testing::TestWithParam<rpc::Run> {
 protected:
  void start(rpc::ServerLimits limits = {}) {
    server = std::make_unique<TestServer>(limits);
    server->table.on<Console>(GetParam(), [this](rpc::Call& call, const rpc::DomainOpenConsoleArgs&) {
      call.stream_peer = std::make_unique<ScriptedPeer>(script);
      return rpc::Nothing{};
    });
    add_hostname(*server);
    server->start();
    client.emplace(server->connect_open());
    header = client->call_header(Console::kProgram, Console::kNumber);
    header.type = static_cast<std::int32_t>(NetMessageType::Stream);
    client->ask<Console>();
  }

  void send(NetMessageStatus status, std::string_view payload = {}) {
    client->send(header.answer(NetMessageType::Stream, status), payload);
  }
  void expect(NetMessageStatus status) {
    EXPECT_EQ(client->expect().header, header.answer(NetMessageType::Stream, status));
  }
  rpc::NetMessageError expect_failure() {
    const Received packet = client->expect();
    EXPECT_EQ(packet.header, header.answer(NetMessageType::Stream, NetMessageStatus::Error));
    return decoded<rpc::NetMessageError>(packet.payload);
  }
  void expect_alive() { EXPECT_EQ(client->ask<rpc::proc::ConnectGetHostname>().hostname, "here"); }
  void expect_gone() {
    send(NetMessageStatus::Continue, "late");  // dropped in silence
    send(NetMessageStatus::Ok);
    expect_alive();
    EXPECT_TRUE(eventually([&] { return script.destroyed == 1; }));
  }

  // What scripts write to; the server goes first, because its callbacks may run until then.
  std::string got;
  std::atomic<std::size_t> room = 3;
  std::atomic<int> sent = 0;
  std::atomic<int> can_send = 0;
  std::atomic<int> aborts = 0;
  std::atomic<int> finishes = 0;
  std::atomic<std::int64_t> skipped = 0;

  ScriptedPeer::Script script;
  std::unique_ptr<TestServer> server;
  std::optional<RawClient> client;
  rpc::PacketHeader header;
};

TEST_P(StreamTest, ReplyComesBeforeDataSentFromOpened) {
  script.opened = [](rpc::Stream& stream) {
    stream.send("hello");
    EXPECT_FALSE(stream.can_send());
    stream.send_eof();
    stream.send_eof();
  };
  start();  // which reads the reply first
  EXPECT_EQ(client->expect().payload, "hello");
  const Received end = client->expect();
  EXPECT_EQ(end.header, header.answer(NetMessageType::Stream, NetMessageStatus::Continue));
  EXPECT_TRUE(end.payload.empty());
  send(NetMessageStatus::Ok);
  expect(NetMessageStatus::Ok);
  expect_gone();
}

TEST_P(StreamTest, ServerToClientWithBackpressure) {
  constexpr int kPackets = 200;
  const auto pump = [&] {
    ASSERT_TRUE(script.stream->can_send());
    if (sent == kPackets) return script.stream->send_eof();
    script.stream->send(std::string(rpc::Stream::kStreamChunk, static_cast<char>('a' + sent++ % 26)));
    EXPECT_FALSE(script.stream->can_send());
  };
  script.opened = [&](rpc::Stream&) { pump(); };
  script.on_can_send = pump;
  start();
  std::this_thread::sleep_for(50ms);
  EXPECT_LT(sent, 10);  // as much as the socket buffers hold, and no more
  for (int i = 0; i < kPackets; ++i) {
    const Received packet = client->expect();
    ASSERT_EQ(packet.payload.size(), rpc::Stream::kStreamChunk);
    ASSERT_EQ(packet.payload[7], 'a' + i % 26);
  }
  EXPECT_TRUE(client->expect().payload.empty());
}

TEST_P(StreamTest, DataSentFromOutsideACallback) {
  script.on_can_send = [&] { ++can_send; };
  start();
  for (int i = 0; i < 3; ++i) {
    server->on_loop([&] { script.stream->send("typed"); });
    EXPECT_EQ(client->expect().payload, "typed");
    EXPECT_TRUE(eventually([&] { return can_send == i + 1; }));
  }
  server->on_loop([&] {
    script.stream->send("once");
    EXPECT_THROW(script.stream->send("too early"), base::Error);
  });
}

TEST_P(StreamTest, ClientToServerAndFinish) {
  script.on_data = [&](std::string_view bytes) {
    got += bytes;
    return bytes.size();
  };
  script.on_finish = [&] { ++finishes; };
  start();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    const std::string chunk(static_cast<std::size_t>(1000 * i + 1), static_cast<char>('a' + i % 26));
    send(NetMessageStatus::Continue, chunk);
    all += chunk;
  }
  send(NetMessageStatus::Continue, "");
  send(NetMessageStatus::Ok);
  expect(NetMessageStatus::Ok);
  EXPECT_EQ(finishes, 1);
  EXPECT_EQ(got, all);
  expect_gone();
}

TEST_P(StreamTest, UnconsumedDataHoldsSlotsAndFinishWaitsForIt) {
  script.on_data = [&](std::string_view bytes) {
    const std::size_t taken = std::min<std::size_t>(room, bytes.size());
    room -= taken;
    got += bytes.substr(0, taken);
    return taken;
  };
  script.on_finish = [&] { ++finishes; };
  rpc::ServerLimits limits;
  limits.max_client_requests = 3;
  start(limits);
  for (const char* text : {"12", "34", "56", "78", "90"}) send(NetMessageStatus::Continue, text);
  send(NetMessageStatus::Ok);
  const auto serial = client->call<rpc::proc::ConnectGetHostname>();
  EXPECT_TRUE(client->silent_for(50ms));  // three packets wait, so nothing behind them is read
  server->on_loop([&] {
    EXPECT_EQ(got, "123");
    EXPECT_EQ(finishes, 0);
    room = 100;
    script.stream->pause_input(false);
  });
  expect(NetMessageStatus::Ok);
  EXPECT_EQ(client->expect().header.serial, serial);
  EXPECT_EQ(got, "1234567890");
  EXPECT_EQ(finishes, 1);
}

TEST_P(StreamTest, PausedInputIsOfferedLater) {
  script.opened = [](rpc::Stream& stream) { stream.pause_input(true); };
  script.on_data = [&](std::string_view bytes) {
    got += bytes;
    return bytes.size();
  };
  start();
  send(NetMessageStatus::Continue, "kept");
  expect_alive();
  server->on_loop([&] {
    EXPECT_EQ(got, "");
    script.stream->pause_input(false);
  });
  EXPECT_TRUE(eventually([&] {
    bool arrived = false;
    server->on_loop([&] { arrived = got == "kept"; });
    return arrived;
  }));
}

TEST_P(StreamTest, ClientAborts) {
  script.on_abort = [&] { ++aborts; };
  start();
  send(NetMessageStatus::Error);
  expect(NetMessageStatus::Ok);
  EXPECT_EQ(aborts, 1);
  expect_gone();
}

TEST_P(StreamTest, UnknownStatusIsAnAbort) {
  script.on_abort = [&] { ++aborts; };
  start();
  auto strange = header;
  strange.status = 7;
  client->send(strange);
  EXPECT_EQ(expect_failure().code, 39);
  EXPECT_EQ(aborts, 1);
  expect_gone();
}

TEST_P(StreamTest, PeerFailsFromItsCallbacks) {
  script.on_data = [](std::string_view) -> std::size_t { base::fail(base::Code::OperationFailed, "disk full"); };
  start();
  send(NetMessageStatus::Continue, "x");
  EXPECT_EQ(expect_failure().message, "operation failed: disk full");
  expect_gone();
}

TEST_P(StreamTest, PeerRefusesToFinish) {
  script.on_finish = [] { base::fail(base::Code::OperationFailed, "cannot sync"); };
  start();
  send(NetMessageStatus::Ok);
  EXPECT_EQ(expect_failure().message, "operation failed: cannot sync");
  expect_gone();
}

TEST_P(StreamTest, PeerFailsFromOutside) {
  start();
  server->on_loop([&] {
    script.stream->fail(base::Error(base::Code::OperationAborted, base::From::Lxc, "taken over"));
    EXPECT_EQ(script.destroyed, 0);  // not under the caller's feet
  });
  EXPECT_EQ(expect_failure().message, "operation aborted: taken over");
  expect_gone();
}

TEST_P(StreamTest, PeerFailsItselfInsideOnData) {
  script.on_data = [&](std::string_view) -> std::size_t {
    script.stream->fail(base::Error(base::Code::OperationAborted, base::From::Lxc, "enough"));
    return 0;
  };
  start();
  send(NetMessageStatus::Continue, "x");
  EXPECT_EQ(expect_failure().message, "operation aborted: enough");
  expect_gone();
}

TEST_P(StreamTest, HolesReachThePeerOrFailTheStream) {
  script.on_hole = [&](std::int64_t length) { skipped += length; };
  start();
  const auto hole = header.answer(NetMessageType::StreamHole, NetMessageStatus::Continue);
  client->send(hole, encoded(rpc::NetStreamHole{4096, 0}));
  expect_alive();
  EXPECT_EQ(skipped, 4096);
  client->send(hole, encoded(rpc::NetStreamHole{0, 0}));
  EXPECT_EQ(expect_failure().domain, 38);
  expect_gone();
}

TEST_P(StreamTest, HolesAreRefusedByDefault) {
  start();
  client->send(header.answer(NetMessageType::StreamHole, NetMessageStatus::Continue),
               encoded(rpc::NetStreamHole{1, 0}));
  EXPECT_EQ(expect_failure().code, 84);
  expect_gone();
}

TEST_P(StreamTest, PacketsOfOtherStreamsAreIgnored) {
  script.on_data = [&](std::string_view bytes) {
    got += bytes;
    return bytes.size();
  };
  start();
  auto other = header;
  other.serial += 17;
  client->send(other.answer(NetMessageType::Stream, NetMessageStatus::Continue), "wrong serial");
  other = header;
  other.procedure = 296;
  client->send(other.answer(NetMessageType::Stream, NetMessageStatus::Error));
  send(NetMessageStatus::Continue, "right");
  send(NetMessageStatus::Ok);
  expect(NetMessageStatus::Ok);
  EXPECT_EQ(got, "right");
}

TEST_P(StreamTest, DisconnectAbortsThePeer) {
  script.on_abort = [&] { ++aborts; };
  start();
  client->disconnect();
  EXPECT_TRUE(eventually([&] { return script.destroyed == 1; }));
  EXPECT_EQ(aborts, 1);
}

TEST_P(StreamTest, DisconnectWithUnreadAndUnconsumedData) {
  script.on_data = [](std::string_view) { return std::size_t{0}; };
  const auto pump = [&] { script.stream->send(std::string(rpc::Stream::kStreamChunk, 'x')); };
  script.opened = [&](rpc::Stream&) { pump(); };
  script.on_can_send = pump;
  start();
  for (int i = 0; i < 10; ++i) send(NetMessageStatus::Continue, "never taken");
  std::this_thread::sleep_for(20ms);
  client->disconnect();
  EXPECT_TRUE(eventually([&] { return script.destroyed == 1; }));
}

TEST_P(StreamTest, FailedOpeningOpensNothing) {
  server = std::make_unique<TestServer>();
  server->table.on<Console>(GetParam(), [this](rpc::Call& call, const rpc::DomainOpenConsoleArgs&) -> rpc::Nothing {
    call.stream_peer = std::make_unique<ScriptedPeer>(script);
    base::fail(base::Code::OperationFailed, "busy");
  });
  server->start();
  client.emplace(server->connect_open());
  client->call<Console>();
  EXPECT_EQ(client->expect_error().message, "operation failed: busy");
  EXPECT_TRUE(eventually([&] { return script.destroyed == 1; }));
  EXPECT_EQ(script.stream, nullptr);
}

INSTANTIATE_TEST_SUITE_P(OpenedFrom, StreamTest, testing::Values(rpc::Run::Inline, rpc::Run::Worker),
                         [](const auto& run) { return run.param == rpc::Run::Inline ? "Inline" : "Worker"; });

}  // namespace
}  // namespace rpc_test
