// Calls, workers, events, descriptors, quotas and endings, over a real socket.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <mutex>
#include <set>

#include "rpc/raw_client.hpp"

namespace rpc_test {
namespace {

using namespace std::chrono_literals;
using Lookup = rpc::proc::DomainLookupByName;  // high priority
using Create = rpc::proc::DomainCreate;        // low priority
using Hostname = rpc::proc::ConnectGetHostname;
using Lifecycle = rpc::event::DomainEventCallbackLifecycle;

/// Lets handlers wait until the test says so.
class Gate {
 public:
  void open() { promise_.set_value(); }
  void wait() const { future_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

void add_hostname(TestServer& server, rpc::Run where = rpc::Run::Inline) {
  server.table.on<Hostname>(where, [](rpc::Call&, const rpc::Nothing&) { return rpc::ConnectGetHostnameRet{"here"}; });
}

TEST(ConnectionTest, InlineAndWorkerCallsAreAnswered) {
  for (const auto where : {rpc::Run::Inline, rpc::Run::Worker}) {
    TestServer server;
    add_hostname(server, where);
    server.start();
    RawClient client = server.connect_open();
    for (int i = 0; i < 100; ++i) EXPECT_EQ(client.ask<Hostname>().hostname, "here");
  }
}

TEST(ConnectionTest, PipelinedInlineCallsAreAnsweredInOrder) {
  TestServer server;
  add_hostname(server);
  server.start();
  RawClient client = server.connect_open();
  for (int i = 0; i < 500; ++i) client.call<Hostname>();
  for (std::uint32_t i = 0; i < 500; ++i) EXPECT_EQ(client.expect().header.serial, i + 1);
}

TEST(ConnectionTest, PeerCredentialsAreTheKernels) {
  TestServer server;
  rpc::PeerCredentials seen;
  server.on_connection = [&](rpc::Connection& connection) { seen = connection.peer(); };
  server.start();
  RawClient client = server.connect_open();
  EXPECT_EQ(seen.pid, ::getpid());
  EXPECT_EQ(seen.uid, ::getuid());
  EXPECT_EQ(seen.gid, ::getgid());
}

TEST(ConnectionTest, WorkersReplyOutOfOrder) {
  TestServer server;
  Gate gate;
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

TEST(ConnectionTest, HighPriorityCallsPassBlockedWorkers) {
  rpc::ServerLimits limits;
  limits.workers = 2;
  limits.priority_workers = 1;
  TestServer server(limits);
  Gate gate;
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

TEST(ConnectionTest, UsedUpRequestSlotsStopReading) {
  rpc::ServerLimits limits;
  limits.max_client_requests = 3;
  limits.workers = 8;
  TestServer server(limits);
  Gate gate;
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
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

TEST(ConnectionTest, HandlerFailuresBecomeErrors) {
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

TEST(ConnectionTest, AfterReplyRunsOnTheLoopThreadOnce) {
  for (const auto where : {rpc::Run::Inline, rpc::Run::Worker}) {
    TestServer server;
    std::atomic<int> on_loop = 0;
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

// ---- descriptors ----

TEST(ConnectionTest, DescriptorsReachTheHandler) {
  TestServer server;
  std::string seen;
  server.table.on<rpc::proc::DomainCreateWithFiles>(rpc::Run::Worker,
                                                    [&](rpc::Call& call, const rpc::DomainCreateWithFilesArgs& args) {
                                                      for (const auto& fd : call.fds_in) {
                                                        char text[16] = {};
                                                        EXPECT_GT(::pread(fd.get(), text, sizeof text, 0), 0);
                                                        EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
                                                        seen += text;
                                                      }
                                                      return rpc::DomainCreateWithFilesRet{args.dom};
                                                    });
  add_hostname(server);
  server.start();
  RawClient client = server.connect_open();
  auto header = client.call_header(rpc::kRemoteProgram, rpc::proc::DomainCreateWithFiles::kNumber);
  header.type = static_cast<std::int32_t>(rpc::NetMessageType::CallWithFds);
  client.send(header, encoded(rpc::DomainCreateWithFilesArgs{}), 32);
  for (int i = 0; i < 32; ++i) {
    char path[] = "/tmp/rpc-fd-XXXXXX";
    const base::Fd file(::mkstemp(path));
    ::unlink(path);
    const std::string text = std::to_string(i) + ",";
    ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    client.send_fd(file.get());
  }
  const auto next = client.call<Hostname>();
  std::set<std::uint32_t> serials{client.expect().header.serial, client.expect().header.serial};
  EXPECT_TRUE(serials.contains(next));
  EXPECT_TRUE(seen.starts_with("0,1,2,3,")) << seen;
  EXPECT_TRUE(seen.ends_with("30,31,")) << seen;
}

TEST(ConnectionTest, DescriptorsGoBackWithTheReply) {
  TestServer server;
  server.table.on<rpc::proc::LxcDomainOpenNamespace>(
      rpc::Run::Inline, [](rpc::Call& call, const rpc::LxcDomainOpenNamespaceArgs& args) {
        for (std::uint32_t i = 0; i < args.flags; ++i)
          call.fds_out.push_back(base::open_file("/proc/self/ns/net", O_RDONLY));
        return rpc::Nothing{};
      });
  add_hostname(server);
  server.start();
  RawClient client = server.connect_open();
  client.call<rpc::proc::LxcDomainOpenNamespace>({{}, 4});
  client.call<Hostname>();
  const Received reply = client.expect();
  EXPECT_TRUE(reply.header.is(rpc::NetMessageType::ReplyWithFds));
  ASSERT_EQ(reply.fds.size(), 4u);
  struct stat ours {};
  struct stat theirs {};
  ASSERT_EQ(::stat("/proc/self/ns/net", &ours), 0);
  ASSERT_EQ(::fstat(reply.fds[3].get(), &theirs), 0);
  EXPECT_EQ(ours.st_ino, theirs.st_ino);
  EXPECT_EQ(decoded<rpc::ConnectGetHostnameRet>(client.expect().payload).hostname, "here");

  client.call<rpc::proc::LxcDomainOpenNamespace>({{}, 0});
  EXPECT_TRUE(client.expect().header.is(rpc::NetMessageType::Reply));
  client.call<rpc::proc::LxcDomainOpenNamespace>({{}, 33});
  EXPECT_EQ(client.expect_error().code, 39);
}

// ---- events ----

TEST(ConnectionTest, EventsCarryProgramProcedureAndSerialOne) {
  TestServer server;
  std::shared_ptr<rpc::Connection> connection;
  server.on_connection = [&](rpc::Connection& made) { connection = made.shared_from_this(); };
  server.start();
  RawClient client = server.connect_open();
  std::thread([&] {
    connection->send<Lifecycle>({.callbackID = 7, .msg = {.dom = {"web", {}, 3}, .event = 2}});
  }).join();
  const Received event = client.expect();
  rpc::PacketHeader header;
  header.program = rpc::kRemoteProgram;
  header.procedure = 318;
  header.type = 2;
  header.serial = 1;
  EXPECT_EQ(event.header, header);
  const auto message = decoded<rpc::DomainEventCallbackLifecycleMsg>(event.payload);
  EXPECT_EQ(message.callbackID, 7);
  EXPECT_EQ(message.msg.dom.name, "web");
}

TEST(ConnectionTest, EventsKeepTheirOrderAndNeverOvertakeTheRegistration) {
  TestServer server;
  std::mutex mutex;
  std::shared_ptr<rpc::Connection> subscriber;
  std::atomic<int> sent = 0;
  std::atomic<bool> stop = false;
  const auto publish = [&] {
    const std::scoped_lock lock(mutex);
    if (subscriber) subscriber->send<Lifecycle>({.callbackID = sent++});
  };
  server.table.on<rpc::proc::ConnectDomainEventCallbackRegisterAny>(
      rpc::Run::Inline, [&](rpc::Call& call, const rpc::ConnectDomainEventCallbackRegisterAnyArgs&) {
        {
          const std::scoped_lock lock(mutex);
          subscriber = call.connection;
        }
        publish();
        while (sent < 20) std::this_thread::yield();  // the other thread publishes while the reply is not yet queued
        return rpc::ConnectDomainEventCallbackRegisterAnyRet{0};
      });
  server.start();
  RawClient client = server.connect_open();
  std::thread publisher([&] {
    while (!stop && sent < 1000) publish();
  });
  const auto serial = client.call<rpc::proc::ConnectDomainEventCallbackRegisterAny>();
  const Received first = client.expect();
  EXPECT_TRUE(first.header.is(rpc::NetMessageType::Reply));
  EXPECT_EQ(first.header.serial, serial);
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(decoded<rpc::DomainEventCallbackLifecycleMsg>(client.expect().payload).callbackID, i);
  stop = true;
  publisher.join();
  const std::scoped_lock lock(mutex);
  subscriber.reset();
}

TEST(ConnectionTest, SlowReaderIsDroppedAndHoldsUpNobody) {
  rpc::ServerLimits limits;
  limits.max_unsent_bytes = 1u << 20;
  TestServer server(limits);
  std::shared_ptr<rpc::Connection> connection;
  std::atomic<bool> closed = false;
  server.on_connection = [&](rpc::Connection& made) {
    if (connection) return;
    connection = made.shared_from_this();
    made.on_closed = [&] { closed = true; };
  };
  add_hostname(server);
  server.start();
  RawClient slow = server.connect_open();
  RawClient other = server.connect_open();
  for (int i = 0; i < 200 && !closed; ++i) {
    rpc::Encoder body;
    body.put_opaque(std::string(65536, 'e'));
    connection->send_event(rpc::kRemoteProgram, 318, std::move(body));
    EXPECT_EQ(other.ask<Hostname>().hostname, "here");
  }
  EXPECT_TRUE(closed);
  connection->send<Lifecycle>({});  // to nobody
}

TEST(ConnectionTest, BacklogOfRepliesStopsReadingInsteadOfDropping) {
  TestServer server;
  const std::string big(100000, 'h');
  server.table.on<Hostname>(rpc::Run::Inline,
                            [&](rpc::Call&, const rpc::Nothing&) { return rpc::ConnectGetHostnameRet{big}; });
  server.start();
  RawClient client = server.connect_open();
  std::thread caller([&] {
    for (int i = 0; i < 1000; ++i) client.send(client.call_header(rpc::kRemoteProgram, Hostname::kNumber));
  });
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(client.expect().payload.size(), big.size() + 4);
  caller.join();
}

// ---- endings ----

TEST(ConnectionTest, ClosingWhileAWorkerRunsItsCall) {
  TestServer server;
  Gate gate;
  std::atomic<int> running = 0;
  std::atomic<int> closed = 0;
  std::atomic<int> after_reply = 0;
  std::weak_ptr<int> session;
  std::mutex mutex;
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
  TestServer server;
  std::atomic<int> running = 0;
  std::atomic<int> closed = 0;
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
  std::atomic<bool> background = false;
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
  TestServer server(limits);
  server.start();
  std::vector<std::size_t> counts;
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
