// Calls from packet to reply: inline and on workers, priorities, request slots, failures.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "rpc/raw_client.hpp"

namespace rpc_test {
namespace {

using namespace std::chrono_literals;
using Lookup = rpc::proc::DomainLookupByName;  // high priority
using Create = rpc::proc::DomainCreate;        // low priority
using Hostname = rpc::proc::ConnectGetHostname;

TEST(CallTest, InlineAndWorkerCallsAreAnswered) {
  for (const auto where : {rpc::Run::Inline, rpc::Run::Worker}) {
    TestServer server;
    add_hostname(server, where);
    server.start();
    RawClient client = server.connect_open();
    for (int i = 0; i < 100; ++i) EXPECT_EQ(client.ask<Hostname>().hostname, "here");
  }
}

TEST(CallTest, PipelinedInlineCallsAreAnsweredInOrder) {
  TestServer server;
  add_hostname(server);
  server.start();
  RawClient client = server.connect_open();
  for (int i = 0; i < 500; ++i) client.call<Hostname>();
  for (std::uint32_t i = 0; i < 500; ++i) EXPECT_EQ(client.expect().header.serial, i + 1);
}

TEST(CallTest, WorkersReplyOutOfOrder) {
  Gate gate;
  TestServer server;
  server.table.on<Lookup>(rpc::Run::Worker, [&](rpc::Call&, const rpc::DomainLookupByNameArgs& args) {
    if (args.name == "slow") gate.wait();
    return rpc::DomainLookupByNameRet{{args.name, {}, 1}};
  });
  server.start();
  RawClient client = server.connect_open();
  const auto slow = client.call<Lookup>({"slow"});
  const auto quick = client.call<Lookup>({"quick"});
  EXPECT_EQ(client.expect().header.serial, quick);
  gate.open();
  const Received reply = client.expect();
  EXPECT_EQ(reply.header.serial, slow);
  EXPECT_EQ(decoded<rpc::DomainLookupByNameRet>(reply.payload).dom.name, "slow");
}

TEST(CallTest, HighPriorityCallsPassBlockedWorkers) {
  rpc::ServerLimits limits;
  limits.workers = 2;
  limits.priority_workers = 1;
  Gate gate;
  TestServer server(limits);
  server.table.on<Create>(rpc::Run::Worker, [&](rpc::Call&, const rpc::DomainCreateArgs&) {
    gate.wait();
    return rpc::Nothing{};
  });
  add_hostname(server, rpc::Run::Worker);
  server.start();
  RawClient client = server.connect_open();
  for (int i = 0; i < 3; ++i) client.call<Create>();
  EXPECT_EQ(client.ask<Hostname>().hostname, "here");
  gate.open();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(client.expect().header.is(rpc::NetMessageStatus::Ok));
}

TEST(CallTest, UsedUpRequestSlotsStopReading) {
  rpc::ServerLimits limits;
  limits.max_client_requests = 3;
  limits.workers = 8;
  Gate gate;
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  TestServer server(limits);
  server.table.on<Create>(rpc::Run::Worker, [&](rpc::Call&, const rpc::DomainCreateArgs&) {
    most = std::max<int>(most, ++running);
    gate.wait();
    --running;
    return rpc::Nothing{};
  });
  add_hostname(server);
  server.start();
  RawClient client = server.connect_open();
  RawClient other = server.connect_open();
  for (int i = 0; i < 7; ++i) client.call<Create>();
  client.call<Hostname>();
  EXPECT_TRUE(eventually([&] { return running == 3; }));
  EXPECT_TRUE(client.silent_for(50ms));  // the inline call waits behind them
  EXPECT_EQ(other.ask<Hostname>().hostname, "here");
  gate.open();
  std::set<std::uint32_t> serials;
  for (int i = 0; i < 8; ++i) serials.insert(client.expect().header.serial);
  EXPECT_EQ(serials.size(), 8u);
  EXPECT_LE(most, 3);
}

TEST(CallTest, HandlerFailuresBecomeErrors) {
  TestServer server;
  server.table.on<Create>(rpc::Run::Worker, [](rpc::Call&, const rpc::DomainCreateArgs&) -> rpc::Nothing {
    throw std::runtime_error("a surprise");
  });
  server.table.on<Hostname>(rpc::Run::Inline, [](rpc::Call&, const rpc::Nothing&) -> rpc::ConnectGetHostnameRet {
    base::fail(base::Code::NoHostname, "nameless");
  });
  server.table.on<Lookup>(rpc::Run::Inline, [](rpc::Call&, const rpc::DomainLookupByNameArgs&) {
    return rpc::DomainLookupByNameRet{{std::string(rpc::kStringMax + 1, 'x'), {}, 1}};
  });
  server.start();
  RawClient client = server.connect_open();
  client.call<Create>();
  EXPECT_EQ(client.expect_error().message, "internal error: a surprise");
  client.call<Hostname>();
  const auto error = client.expect_error();
  EXPECT_EQ(error.code, 108);
  EXPECT_EQ(error.domain, 17);
  client.call<Lookup>({"x"});
  EXPECT_EQ(client.expect_error().code, 39);  // what cannot be encoded is refused, not sent
}

/// Also one that is larger than what a client may leave unread, and whose descriptor comes after all of it.
TEST(CallTest, ReplyInPiecesArrivesWholeAndInOrder) {
  rpc::ServerLimits limits;
  limits.max_unsent_bytes = 1u << 20;
  TestServer server(limits);
  constexpr std::size_t kPieces = 150, kPieceBytes = 20000;
  server.table.add(Create::kProgram, Create::kNumber, rpc::Run::Worker,
                   [](rpc::Call& call, rpc::Decoder&, rpc::Encoder& out) {
                     out.put_u32(7);
                     for (std::size_t i = 0; i < kPieces; ++i)
                       call.more_reply.emplace_back(i == 70 ? 0 : kPieceBytes, static_cast<char>(i));
                     call.fds_out.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
                   });
  add_hostname(server);
  server.start();
  RawClient client = server.connect_open();
  client.call<Create>();
  std::string expected("\0\0\0\7", 4);
  for (std::size_t i = 0; i < kPieces; ++i) expected += std::string(i == 70 ? 0 : kPieceBytes, static_cast<char>(i));
  const Received reply = client.expect();
  EXPECT_TRUE(reply.payload == expected) << reply.payload.size() << " bytes";
  EXPECT_EQ(reply.fds.size(), 1u);
  EXPECT_EQ(client.ask<Hostname>().hostname, "here") << "the next packet begins where this one ended";
}

TEST(CallTest, ReplyInPiecesThatIsTooLongIsRefused) {
  TestServer server;
  server.table.add(Create::kProgram, Create::kNumber, rpc::Run::Inline,
                   [](rpc::Call& call, rpc::Decoder&, rpc::Encoder&) {
                     call.more_reply.assign(2, std::string(rpc::kMaxPayloadBytes / 2, 'x'));
                   });
  server.start();
  RawClient client = server.connect_open();
  client.call<Create>();
  EXPECT_NE(client.expect_error().message.value_or("").find("is too large"), std::string::npos);
}

TEST(CallTest, AfterReplyRunsOnTheLoopThreadOnce) {
  for (const auto where : {rpc::Run::Inline, rpc::Run::Worker}) {
    std::atomic<int> on_loop = 0;
    TestServer server;
    server.table.on<Create>(where, [&](rpc::Call& call, const rpc::DomainCreateArgs&) {
      call.after_reply = [&] { on_loop += server.loop().in_loop_thread() ? 1 : 100; };
      return rpc::Nothing{};
    });
    server.start();
    RawClient client = server.connect_open();
    client.ask<Create>();
    EXPECT_TRUE(eventually([&] { return on_loop == 1; }));
  }
}

}  // namespace
}  // namespace rpc_test
