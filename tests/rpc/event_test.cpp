// Events and everything else that is sent faster than the client may read.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "rpc/raw_client.hpp"

namespace rpc_test {
namespace {

using Hostname = rpc::proc::ConnectGetHostname;
using Lifecycle = rpc::event::DomainEventCallbackLifecycle;

TEST(EventTest, EventsCarryProgramProcedureAndSerialOne) {
  std::shared_ptr<rpc::Connection> connection;
  TestServer server;
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

TEST(EventTest, EventsKeepTheirOrderAndNeverOvertakeTheRegistration) {
  std::mutex mutex;
  std::shared_ptr<rpc::Connection> subscriber;
  std::atomic<int> sent = 0;
  std::atomic<bool> stop = false;
  TestServer server;
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

TEST(EventTest, NoneComesAfterTheReplyOfWhoNoLongerWantsAny) {
  TestServer server;
  server.table.on<rpc::proc::ConnectDomainEventCallbackDeregisterAny>(
      rpc::Run::Inline, [&](rpc::Call& call, const rpc::ConnectDomainEventCallbackDeregisterAnyArgs&) {
        std::thread([&] { call.connection->send<Lifecycle>({.callbackID = 5}); }).join();
        call.connection->flush_events();
        return rpc::Nothing{};
      });
  server.start();
  RawClient client = server.connect_open();
  client.call<rpc::proc::ConnectDomainEventCallbackDeregisterAny>();
  EXPECT_TRUE(client.expect().header.is(rpc::NetMessageType::Message));
  EXPECT_TRUE(client.expect().header.is(rpc::NetMessageType::Reply));
}

TEST(EventTest, SlowReaderIsDroppedAndHoldsUpNobody) {
  rpc::ServerLimits limits;
  limits.max_unsent_bytes = 1u << 20;
  std::shared_ptr<rpc::Connection> connection;
  std::atomic<bool> closed = false;
  TestServer server(limits);
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

TEST(EventTest, BacklogOfRepliesStopsReadingInsteadOfDropping) {
  const std::string big(100000, 'h');
  TestServer server;
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

}  // namespace
}  // namespace rpc_test
