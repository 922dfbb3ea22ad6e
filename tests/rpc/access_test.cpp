// Who may call what, walked over every procedure of the table.
#include <gtest/gtest.h>

#include <set>

#include "rpc/raw_client.hpp"

namespace rpc_test {
namespace {

bool is_remote(const rpc::ProcedureInfo& info, std::int32_t number) {
  return info.program == rpc::kRemoteProgram && info.number == number;
}

bool served(const rpc::ProcedureInfo& info) {
  return info.program != rpc::kAdminProgram && !info.is_event;
}

TEST(Access, ReadOnlyClientsAreRefusedBeforeTheHandlerRuns) {
  std::set<std::pair<std::uint32_t, std::int32_t>> ran;
  TestServer server;
  for (const auto& info : rpc::procedures())
    if (served(info) && !is_remote(info, 1))
      server.table.add(info.program, info.number, rpc::Run::Inline, [&](rpc::Call&, rpc::Decoder&, rpc::Encoder&) {
        ran.insert({info.program, info.number});
      });
  server.start();
  for (const bool by_socket : {true, false}) {
    RawClient client = server.connect(by_socket ? rpc::SocketAccess::ReadOnly : rpc::SocketAccess::ReadWrite);
    client.open(!by_socket);
    ran.clear();
    int refused = 0;
    for (const auto& info : rpc::procedures()) {
      if (!served(info) || is_remote(info, 1) || is_remote(info, 2)) continue;
      client.send(client.call_header(info.program, info.number));
      const Received reply = client.expect();
      const bool allowed = info.read_only != rpc::ReadOnlyAccess::Refused;
      EXPECT_EQ(ran.contains({info.program, info.number}), allowed) << info.api;
      EXPECT_EQ(reply.header.is(rpc::NetMessageStatus::Ok), allowed) << info.api;
      if (allowed) continue;
      ++refused;
      const auto error = decoded<rpc::NetMessageError>(reply.payload);
      EXPECT_EQ(error.code, 29);
      EXPECT_EQ(error.domain, static_cast<std::int32_t>(info.family));
      EXPECT_EQ(error.level, 2);
      EXPECT_EQ(error.message, std::string("operation forbidden: read only access prevents ") + info.api);
    }
    EXPECT_EQ(refused, 211) << "what the table says";
  }
}

TEST(Access, OpenCannotWidenTheReadOnlySocket) {
  TestServer server;
  server.table.on<rpc::proc::DomainCreate>(rpc::Run::Inline,
                                           [](rpc::Call&, const rpc::DomainCreateArgs&) { return rpc::Nothing{}; });
  server.start();
  RawClient client = server.connect(rpc::SocketAccess::ReadOnly);
  client.open(false);
  client.call<rpc::proc::DomainCreate>();
  EXPECT_EQ(client.expect_error().code, 29);
}

TEST(Access, KnownProceduresWithoutHandlerAreNotSupported) {
  TestServer server;
  server.start();
  RawClient client = server.connect_open();
  int walked = 0;
  for (const auto& info : rpc::procedures()) {
    if (!served(info) || is_remote(info, 1) || is_remote(info, 2)) continue;
    client.send(client.call_header(info.program, info.number));
    const auto error = client.expect_error();
    EXPECT_EQ(error.code, 3) << info.api;
    EXPECT_EQ(error.domain, static_cast<std::int32_t>(info.family)) << info.api;
    EXPECT_EQ(error.message, std::string("this function is not supported by the connection driver: ") + info.api);
    ++walked;
  }
  EXPECT_EQ(walked, 401 - 2 + 1 + 6);
}

TEST(Access, DomainsOfTheFamilies) {
  const auto family = [](const std::string& api) {
    for (const auto& info : rpc::procedures())
      if (info.api == api) return static_cast<int>(info.family);
    return -1;
  };
  EXPECT_EQ(family("virDomainMigratePerform3"), 20);
  EXPECT_EQ(family("virConnectGetVersion"), 20);
  EXPECT_EQ(family("virNetworkCreateXML"), 19);
  EXPECT_EQ(family("virStorageVolDelete"), 18);
  EXPECT_EQ(family("virNodeDeviceGetXMLDesc"), 22);
  EXPECT_EQ(family("virNWFilterDefineXML"), 33);
  EXPECT_EQ(family("virSecretGetValue"), 30);
  EXPECT_EQ(family("virInterfaceCreate"), 26);
  EXPECT_EQ(family("virDomainLxcOpenNamespace"), 0);
  EXPECT_EQ(family("virDomainQemuMonitorCommand"), 0);
  EXPECT_EQ(family("virDomainSnapshotCreateXML"), 35);
  EXPECT_EQ(family("virDomainCheckpointCreateXML"), 69);
  EXPECT_EQ(family("virNodeDeviceDettach"), 22);  // answered by the hypervisor driver, yet a node device API
}

TEST(Access, OnlyAuthenticationBeforeAuthentication) {
  TestServer server;
  server.authenticate = false;
  for (const auto& info : rpc::procedures())
    if (served(info) && !is_remote(info, 1) && !is_remote(info, 70))
      server.table.add(info.program, info.number, rpc::Run::Inline, [](rpc::Call&, rpc::Decoder&, rpc::Encoder&) {});
  server.table.on<rpc::proc::AuthPolkit>(rpc::Run::Inline, [](rpc::Call& call, const rpc::Nothing&) {
    call.connection->mark_authenticated();
    return rpc::AuthPolkitRet{1};
  });
  server.start();
  RawClient client = server.connect();
  for (const auto& info : rpc::procedures()) {
    if (!served(info) || is_remote(info, 70)) continue;
    client.send(client.call_header(info.program, info.number));
    const Received reply = client.expect();
    const bool is_auth = info.program == rpc::kRemoteProgram && info.number >= 66 && info.number <= 69;
    EXPECT_EQ(reply.header.is(rpc::NetMessageStatus::Ok), is_auth) << info.api;
    if (is_auth) continue;
    const auto error = decoded<rpc::NetMessageError>(reply.payload);
    EXPECT_EQ(error.code, 39);
    EXPECT_EQ(error.domain, 7);
  }
  EXPECT_EQ(client.ask<rpc::proc::AuthPolkit>().complete, 1);
  client.open();
}

}  // namespace
}  // namespace rpc_test
