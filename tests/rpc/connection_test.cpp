// The life of a connection: who it is, how many there may be, how it ends.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <mutex>
#include <string>

#include "rpc/raw_client.hpp"

namespace rpc_test {
namespace {

using namespace std::chrono_literals;
using Create = rpc::proc::DomainCreate;  // low priority

TEST(ConnectionTest, PeerCredentialsAreTheKernels) {
  rpc::PeerCredentials seen;
  TestServer server;
  server.on_connection = [&](rpc::Connection& connection) { seen = connection.peer(); };
  server.start();
  RawClient client = server.connect_open();
  EXPECT_EQ(seen.pid, ::getpid());
  EXPECT_EQ(seen.uid, ::getuid());
  EXPECT_EQ(seen.gid, ::getgid());
}

TEST(ConnectionTest, CloseIsAnsweredAndThenTheServerCloses) {
  TestServer server;
  server.start();
  RawClient client = server.connect_open();
  const auto serial = client.call<rpc::proc::ConnectClose>();
  const Received reply = client.expect();
  EXPECT_EQ(reply.header.serial, serial);
  EXPECT_TRUE(reply.header.is(rpc::NetMessageStatus::Ok));
  EXPECT_TRUE(client.closed_by_server());
}

TEST(ConnectionTest, ClosingWhileAWorkerRunsItsCall) {
  Gate gate;
  std::atomic<int> running = 0;
  std::atomic<int> closed = 0;
  std::atomic<int> after_reply = 0;
  std::weak_ptr<int> session;
  std::mutex mutex;
  TestServer server;
  server.on_connection = [&](rpc::Connection& made) {
    const auto state = std::make_shared<int>(5);
    made.session = state;
    const std::scoped_lock lock(mutex);
    session = state;
    made.on_closed = [&] { ++closed; };
  };
  server.table.on<Create>(rpc::Run::Worker, [&](rpc::Call& call, const rpc::DomainCreateArgs&) {
    ++running;
    gate.wait();
    EXPECT_EQ(*std::static_pointer_cast<int>(call.connection->session), 5);
    call.after_reply = [&] { ++after_reply; };
    return rpc::Nothing{};
  });
  server.start();
  RawClient client = server.connect_open();
  client.call<Create>();
  client.call<Create>();
  EXPECT_TRUE(eventually([&] { return running == 2; }));
  client.disconnect();
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(closed, 0);  // its calls still run
  gate.open();
  EXPECT_TRUE(eventually([&] { return closed == 1 && session.expired(); }));
  EXPECT_EQ(after_reply, 2);
  EXPECT_TRUE(eventually([&] {
    std::size_t count = 1;
    server.on_loop([&] { count = server.server().connection_count(); });
    return count == 0;
  }));
  EXPECT_EQ(closed, 1);
}

TEST(ConnectionTest, ShutDownFinishesRunningCallsAndSendsTheirReplies) {
  std::atomic<int> running = 0;
  std::atomic<int> closed = 0;
  std::atomic<bool> background = false;
  TestServer server;
  server.on_connection = [&](rpc::Connection& made) { made.on_closed = [&] { ++closed; }; };
  server.table.on<Create>(rpc::Run::Worker, [&](rpc::Call&, const rpc::DomainCreateArgs&) {
    ++running;
    std::this_thread::sleep_for(50ms);
    return rpc::Nothing{};
  });
  server.start();
  RawClient client = server.connect_open();
  const auto serial = client.call<Create>();
  EXPECT_TRUE(eventually([&] { return running == 1; }));
  server.server().run_on_worker([&] { background = true; });
  server.on_loop([&] { server.server().shut_down(); });
  EXPECT_EQ(client.expect().header.serial, serial);
  EXPECT_TRUE(client.closed_by_server());
  EXPECT_EQ(closed, 1);
  EXPECT_TRUE(background);
}

TEST(ConnectionTest, AnonymousClientsAreLimited) {
  rpc::ServerLimits limits;
  limits.max_anonymous_clients = 2;
  TestServer server(limits);
  server.authenticate = false;
  server.table.on<rpc::proc::AuthList>(rpc::Run::Worker, [](rpc::Call& call, const rpc::Nothing&) {
    call.connection->mark_authenticated();
    return rpc::AuthListRet{{rpc::AuthType::None}};
  });
  server.start();
  RawClient first = server.connect();
  RawClient second = server.connect();
  RawClient third = server.connect();
  third.call<rpc::proc::AuthList>();
  EXPECT_TRUE(third.silent_for(50ms));  // waits to be accepted
  EXPECT_EQ(first.ask<rpc::proc::AuthList>().types.at(0), rpc::AuthType::None);
  EXPECT_TRUE(third.expect().header.is(rpc::NetMessageStatus::Ok));
  first.open();
}

TEST(ConnectionTest, ClientsAreLimitedAndCounted) {
  rpc::ServerLimits limits;
  limits.max_clients = 2;
  std::vector<std::size_t> counts;
  TestServer server(limits);
  server.start();
  server.on_loop([&] { server.server().on_connection_count = [&](std::size_t count) { counts.push_back(count); }; });
  RawClient first = server.connect_open();
  RawClient second = server.connect_open();
  RawClient third = server.connect();
  third.call<rpc::proc::ConnectOpen>();
  EXPECT_TRUE(third.silent_for(50ms));
  first.disconnect();
  EXPECT_TRUE(third.expect().header.is(rpc::NetMessageStatus::Ok));
  server.on_loop([&] { EXPECT_EQ(counts, (std::vector<std::size_t>{1, 2, 1, 2})); });
}

TEST(ConnectionTest, WhoDoesNotAuthenticateIsDropped) {
  rpc::ServerLimits limits;
  limits.time_to_authenticate = 50ms;
  TestServer server(limits);
  server.authenticate = false;
  server.start();
  RawClient silent = server.connect();
  EXPECT_TRUE(silent.closed_by_server());
}

TEST(ConnectionTest, AnonymousClientsSendSmallPackets) {
  TestServer server;
  server.authenticate = false;
  server.table.on<rpc::proc::AuthList>(rpc::Run::Inline, [](rpc::Call& call, const rpc::Nothing&) {
    call.connection->mark_authenticated();
    return rpc::AuthListRet{};
  });
  server.start();
  const auto header = [](const RawClient& client) { return client.call_header(rpc::kRemoteProgram, 66); };
  RawClient large = server.connect();
  // Its beginning is enough.
  large.send_bytes(rpc::format_packet(header(large), std::string(64 * 1024, '\0')).substr(0, 28));
  EXPECT_TRUE(large.closed_by_server());
  RawClient known = server.connect();
  known.send(header(known));
  EXPECT_TRUE(known.expect().header.is(rpc::NetMessageStatus::Ok));
  known.send(header(known), std::string(512 * 1024, '\0'));
  EXPECT_TRUE(known.expect().header.is(rpc::NetMessageStatus::Ok));
}

TEST(ConnectionTest, ReadOnlyClientsSendNoLargePackets) {
  TestServer server;
  server.start();
  RawClient client = server.connect(rpc::SocketAccess::ReadOnly);
  client.open();
  const auto header = client.call_header(rpc::kRemoteProgram, 16);
  client.send_bytes(rpc::format_packet(header, std::string(256 * 1024, '\0')).substr(0, 28));
  EXPECT_TRUE(client.closed_by_server());
}

TEST(ConnectionTest, StreamsAreLimited) {
  struct Silent : rpc::StreamPeer {
    void opened(rpc::Stream&) override {}
    std::size_t on_data(std::string_view bytes) override { return bytes.size(); }
    void on_can_send() override {}
    void on_finish() override {}
    void on_abort() override {}
  };
  rpc::ServerLimits limits;
  limits.max_client_streams = 2;
  TestServer server(limits);
  server.table.on<rpc::proc::DomainOpenConsole>(rpc::Run::Inline,
                                                [](rpc::Call& call, const rpc::DomainOpenConsoleArgs&) {
                                                  call.stream_peer = std::make_unique<Silent>();
                                                  return rpc::Nothing{};
                                                });
  server.start();
  RawClient client = server.connect_open();
  client.ask<rpc::proc::DomainOpenConsole>();
  client.ask<rpc::proc::DomainOpenConsole>();
  client.call<rpc::proc::DomainOpenConsole>();
  EXPECT_EQ(client.expect_error().code, 29);
  RawClient other = server.connect_open();
  other.ask<rpc::proc::DomainOpenConsole>();
}

TEST(ConnectionTest, TheGuardDecidesWhenItLikes) {
  std::vector<std::function<void(const base::Error*)>> waiting;
  std::atomic<int> ran = 0;
  TestServer server;
  server.table.on<Create>(rpc::Run::Worker, [&](rpc::Call& call, const rpc::DomainCreateArgs& args) {
    EXPECT_EQ(args.dom.name, "here");
    EXPECT_EQ(*std::static_pointer_cast<const int>(call.granted), 5);
    ++ran;
    return rpc::Nothing{};
  });
  server.guard = [&](rpc::Call& call, const rpc::ProcedureInfo& info, std::string_view, auto decided) {
    if (info.number != Create::kNumber) return decided(nullptr);
    call.granted = std::make_shared<const int>(5);
    waiting.push_back(std::move(decided));
  };
  server.start();
  RawClient client = server.connect_open();
  const rpc::DomainCreateArgs args{{"here", {}, -1}};
  const auto serial = client.call<Create>(args);
  client.call<rpc::proc::ConnectGetType>();
  EXPECT_EQ(client.expect_error().code, 3) << "answered meanwhile";
  EXPECT_EQ(ran, 0);
  server.on_loop([&] { std::exchange(waiting, {}).at(0)(nullptr); });
  EXPECT_EQ(client.expect().header.serial, serial);
  EXPECT_EQ(ran, 1);
  client.call<Create>(args);
  EXPECT_TRUE(eventually([&] {
    bool asked = false;
    server.on_loop([&] { asked = !waiting.empty(); });
    return asked;
  }));
  server.on_loop([&] {
    const base::Error error(base::Code::AccessDenied, base::From::Access, "no");
    std::exchange(waiting, {}).at(0)(&error);
  });
  EXPECT_EQ(client.expect_error().code, 88);
  EXPECT_EQ(ran, 1);
  // The client leaves before the answer, which the server may notice before or after it: both are fine.
  client.call<Create>(args);
  EXPECT_TRUE(eventually([&] {
    bool asked = false;
    server.on_loop([&] { asked = !waiting.empty(); });
    return asked;
  }));
  client.disconnect();
  EXPECT_TRUE(eventually([&] {
    bool gone = false;
    server.on_loop([&] {
      if (!waiting.empty()) std::exchange(waiting, {}).at(0)(nullptr);
      gone = server.server().connection_count() == 0;
    });
    return gone;
  }));
  EXPECT_LE(ran, 2);
}

/// What one client sends at once is not all done before anybody else is looked at.
TEST(ConnectionTest, ABurstOfShortCallsGivesWayToOthers) {
  Gate gate;
  unsigned done = 0, done_before = 0;  // the loop thread's
  TestServer server;
  server.table.on<rpc::proc::ConnectGetHostname>(rpc::Run::Inline, [&](rpc::Call&, const rpc::Nothing&) {
    ++done;
    return rpc::ConnectGetHostnameRet{"here"};
  });
  server.table.on<rpc::proc::ConnectNumOfDomains>(rpc::Run::Inline, [&](rpc::Call&, const rpc::Nothing&) {
    done_before = done;
    return rpc::ConnectNumOfDomainsRet{};
  });
  server.start();
  RawClient greedy = server.connect_open(), modest = server.connect_open();
  std::promise<void> is_held;
  auto held = std::async(std::launch::async, [&] {
    server.on_loop([&] {
      is_held.set_value();
      gate.wait();
    });
  });
  is_held.get_future().wait();
  constexpr unsigned kBurst = 2000;
  std::string burst;
  for (unsigned i = 0; i < kBurst; ++i)
    burst += rpc::format_packet(
        greedy.call_header(rpc::proc::ConnectGetHostname::kProgram, rpc::proc::ConnectGetHostname::kNumber), {});
  greedy.send_bytes(burst);
  modest.call<rpc::proc::ConnectNumOfDomains>();
  gate.open();
  held.wait();
  modest.expect();
  for (unsigned i = 0; i < kBurst; ++i) greedy.expect();
  EXPECT_LT(done_before, kBurst / 4);
}

}  // namespace
}  // namespace rpc_test
