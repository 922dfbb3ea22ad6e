// The life of a connection: who it is, how many there may be, how it ends.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

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

}  // namespace
}  // namespace rpc_test
