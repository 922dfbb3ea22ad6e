// Every procedure of the REMOTE, LXC and QEMU programs, sent as packets by a client that may do everything: each is
// answered, what is not implemented by the API's name, and what libvirt's own LXC driver can do is implemented.
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "driver/harness.hpp"
#include "rpc/protocol_visit.gen.hpp"
#include "rpc/raw_client.hpp"

namespace test {
namespace {

namespace proc = rpc::proc;

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream text(line);
  for (std::string field; std::getline(text, field, '\t');) fields.push_back(field);
  return fields;
}

std::uint32_t program_number(const std::string& name) {
  if (name == "LXC") return rpc::kLxcProgram;
  return name == "QEMU" ? rpc::kQemuProgram : rpc::kRemoteProgram;
}

/// Those that tests/data/not-supported.tsv gives a reason for, by program and name.
std::set<std::pair<std::uint32_t, std::string>> reasons() {
  std::set<std::pair<std::uint32_t, std::string>> found;
  std::ifstream file(SOURCE_DIR "/tests/data/not-supported.tsv");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const auto fields = split(line);
    EXPECT_EQ(fields.size(), 3u) << line;
    EXPECT_TRUE(found.insert({program_number(fields.at(0)), fields.at(1)}).second) << line;
  }
  return found;
}

class ProcedureWalk : public DaemonFixture {};

TEST_F(ProcedureWalk, NoneIsLeftWithoutAnAnswer) {
  const virDomainPtr domain = define(domain_xml("box"));
  auto raw = rpc_test::RawClient::connect(daemon_.paths().socket_rw);
  raw.open();
  int unsupported = 0;
  rpc::visit_procedures([&](auto tag) {
    using P = decltype(tag);
    const auto* const entry = daemon_.table().find(P::kProgram, P::kNumber);
    if (P::kProgram == rpc::kAdminProgram || std::is_same_v<P, proc::ConnectClose>) return;
    // A stream stays open and would mix with what follows; the console tests have those.
    if (entry->info->stream != rpc::StreamDirection::None && entry->handler) return;
    typename P::Args args{};
    if constexpr (requires { args.dom.uuid; }) {
      virDomainGetUUID(domain, args.dom.uuid.data());
      args.dom.name = "box";
    }
    raw.call<P>(args);
    const auto reply = raw.expect();
    if (entry->handler) return;
    ++unsupported;
    ASSERT_TRUE(reply.header.is(rpc::NetMessageStatus::Error)) << entry->info->name;
    const auto error = rpc_test::decoded<rpc::NetMessageError>(reply.payload);
    EXPECT_EQ(error.code, VIR_ERR_NO_SUPPORT) << entry->info->name;
    EXPECT_EQ(error.message,
              std::string("this function is not supported by the connection driver: ") + entry->info->api);
  });
  EXPECT_GT(unsupported, 50);
  EXPECT_EQ(virConnectIsAlive(conn_), 1);
}

// Whoever adds a call takes its reason away, and whoever takes one away gives a reason.
TEST_F(ProcedureWalk, WhatIsNotSupportedHasAReason) {
  auto unsupported = reasons();
  int answered = 0, relayed = 0;
  for (const auto& info : rpc::procedures()) {
    const bool connection_itself = std::string(info.name) == "CONNECT_CLOSE";
    if (info.program == rpc::kAdminProgram || info.is_event || connection_itself) continue;
    const auto* const entry = daemon_.table().find(info.program, info.number);
    if (entry && entry->route) {
      ++relayed;
    } else if (entry && entry->handler) {
      ++answered;
      EXPECT_FALSE(unsupported.contains({info.program, info.name})) << info.name << " is answered";
    } else {
      EXPECT_EQ(unsupported.erase({info.program, info.name}), 1u) << info.name << " has no reason";
    }
  }
  for (const auto& [program, name] : unsupported) ADD_FAILURE() << name << " is no procedure, or is answered";
  std::cout << answered << " procedures are answered here, " << relayed << " by libvirt's other daemons, "
            << reasons().size() << " are not supported\n";
}

TEST_F(ProcedureWalk, WhateverStockCanDoIsDone) {
  // How clients authenticate elsewhere, and what they only tell us.
  const std::set<std::string> not_here = {"AUTH_SASL_INIT", "AUTH_SASL_START", "AUTH_SASL_STEP", "CONNECT_CLOSE",
                                          "CONNECT_SET_IDENTITY"};
  std::ifstream file(SOURCE_DIR "/rpc/protocol/procedures.tsv");
  std::string line;
  int checked = 0;
  for (std::getline(file, line); std::getline(file, line);) {
    const auto fields = split(line);
    const bool stock = fields.at(14) == "yes" || fields.at(14) == "generic" || fields.at(14) == "daemon";
    const std::string& program = fields.at(0);
    if (!stock || fields.at(10) == "yes" || (program != "REMOTE" && program != "LXC") ||
        not_here.contains(fields.at(2)))
      continue;
    const auto* const entry =
        daemon_.table().find(program == "LXC" ? rpc::kLxcProgram : rpc::kRemoteProgram, std::stoi(fields.at(1)));
    EXPECT_TRUE(entry && (entry->handler || entry->route)) << fields.at(2);
    ++checked;
  }
  EXPECT_GT(checked, 90);
  std::cout << "all " << checked << " procedures of libvirt's LXC driver are answered\n";
}

}  // namespace
}  // namespace test
