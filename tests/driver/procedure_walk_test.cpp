// Every procedure of the REMOTE, LXC and QEMU programs, sent as packets by a client that may do everything: each is
// answered, what is not implemented by the API's name, and what libvirt's own LXC driver can do is implemented.
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
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

using ByProgramAndName = std::pair<std::uint32_t, std::string>;

/// What tests/data/not-supported.tsv says of each.
std::map<ByProgramAndName, std::string> reasons() {
  std::map<ByProgramAndName, std::string> found;
  std::ifstream file(SOURCE_DIR "/tests/data/not-supported.tsv");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const auto fields = split(line);
    EXPECT_EQ(fields.size(), 3u) << line;
    EXPECT_TRUE(found.insert({{program_number(fields.at(0)), fields.at(1)}, fields.at(2)}).second) << line;
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
  for (const auto& [known, reason] : unsupported) ADD_FAILURE() << known.second << " is no procedure, or is answered";
  std::cout << answered << " procedures are answered here, " << relayed << " by libvirt's other daemons, "
            << reasons().size() << " are not supported\n";
}

TEST_F(ProcedureWalk, WhateverStockCanDoIsDone) {
  // How clients authenticate elsewhere, and what the server does itself.
  const std::set<std::string> not_here = {"AUTH_SASL_INIT", "AUTH_SASL_START", "AUTH_SASL_STEP", "CONNECT_CLOSE"};
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

// ---- docs/calls.md ----

struct Row {
  std::string call, stock, here;
};
using Rows = std::map<std::string, std::vector<Row>>;  // by whose call it is

std::string heading(const std::string& program, const std::string& subdriver, const std::string& call) {
  if (program == "QEMU") return "QEMU's own";
  if (program == "LXC") return "LXC's own";
  if (subdriver != "hypervisor" && subdriver != "daemon") return subdriver;
  return call.starts_with("virDomain") ? "Domains" : "Connection and host";
}

/// Each public call of rpc/protocol/procedures.tsv; `answer` says what it meets here.
template <typename Answer>
Rows rows_of_calls(const Answer& answer) {
  Rows rows;
  std::ifstream file(SOURCE_DIR "/rpc/protocol/procedures.tsv");
  std::string line;
  for (std::getline(file, line); std::getline(file, line);) {
    const auto fields = split(line);
    std::string call = fields.at(13);
    if (fields.at(10) == "yes" || !call.starts_with("vir") || fields.at(0) == "ADMIN") continue;
    for (auto comma = call.find(','); comma != std::string::npos; comma = call.find(',', comma + 2))
      call.insert(comma + 1, " ");
    const bool stock = fields.at(14) == "yes" || fields.at(14) == "generic" || fields.at(14) == "daemon";
    rows[heading(fields.at(0), fields.at(15), call)].push_back(
        {call, stock ? "yes" : "no", answer(program_number(fields.at(0)), std::stoi(fields.at(1)), fields.at(2))});
  }
  return rows;
}

long count_of(const std::vector<Row>& rows, std::string Row::*column) {
  return std::ranges::count(rows, "yes", column);
}

std::string document(const Rows& rows) {
  std::ostringstream text;
  text
      << "<!-- Written by the test ProcedureWalk.TheDocumentSaysWhatIsAnswered, with LXCELL_UPDATE_DOCS=1. -->\n"
         "# Call by call\n\n"
         "Every call that libvirt's public interface makes of a driver, with libvirt's own LXC driver (9.0) and here.\n"
         "\"no\" is the error \"this function is not supported\". What each takes is in "
         "[README](../README.md#calls).\n";
  for (const auto& [whose, calls] : rows) {
    if (std::islower(static_cast<unsigned char>(whose[0]))) continue;
    text << "\n## " << whose << "\n\n"
         << calls.size() << " calls; libvirt's LXC driver answers " << count_of(calls, &Row::stock) << ", lxcell "
         << count_of(calls, &Row::here) << ".\n\n| call | libvirt's LXC driver | lxcell |\n| --- | --- | --- |\n";
    for (const Row& row : calls) text << "| " << row.call << " | " << row.stock << " | " << row.here << " |\n";
  }
  text << "\n## Other drivers'\n\nNo hypervisor driver answers these itself. With libvirt's modular daemons its client "
          "library asks the other daemon;\nlxcell passes the call on to it, or to libvirtd where that is what runs.\n\n"
          "| driver | calls | passed on |\n| --- | --- | --- |\n";
  for (const auto& [whose, calls] : rows)
    if (std::islower(static_cast<unsigned char>(whose[0])))
      text << "| " << whose << " | " << calls.size() << " | " << count_of(calls, &Row::here) << " |\n";
  return text.str();
}

TEST_F(ProcedureWalk, TheDocumentSaysWhatIsAnswered) {
  const auto why_not = reasons();
  const std::string expected = document(rows_of_calls([&](std::uint32_t program, int number, const std::string& name) {
    const auto* const entry = daemon_.table().find(program, number);
    // The end of a connection is the server's.
    if (name == "CONNECT_CLOSE" || (entry && (entry->handler || entry->route))) return std::string("yes");
    const auto reason = why_not.find({program, name});
    return "no: " + (reason == why_not.end() ? "" : reason->second);
  }));
  const std::string path = SOURCE_DIR "/docs/calls.md";
  if (std::getenv("LXCELL_UPDATE_DOCS") != nullptr) std::ofstream(path) << expected;
  std::ostringstream found;
  found << std::ifstream(path).rdbuf();
  EXPECT_TRUE(found.str() == expected) << "run this test with LXCELL_UPDATE_DOCS=1 to write " << path;
}

}  // namespace
}  // namespace test
