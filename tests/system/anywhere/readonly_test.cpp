// What a read-only client may not do, by the polite way (a read-only connection, which libvirt's client library checks
// itself) and by the rude one: a client that calls itself read-write on the socket for read-only ones, so the daemon
// must refuse.
#include <libvirt/libvirt-lxc.h>

#include <functional>
#include <vector>

#include "support/fixture.hpp"

namespace {

using namespace support;

enum class Client { Polite, Rude };
std::ostream& operator<<(std::ostream& out, Client client) {
  return out << (client == Client::Polite ? "polite" : "rude");
}

struct WriteCall {
  const char* name;
  std::function<int(virConnectPtr, virDomainPtr)> code;  // makes the call and tells its error code, 0 if it succeeded

  friend std::ostream& operator<<(std::ostream& out, const WriteCall& call) { return out << call.name; }
};

// At once: even freeing an object clears libvirt's last error.
int code_of(int answer) {
  return answer < 0 ? last_failure().code : 0;
}
int code_of(virDomainPtr answer) {
  if (!answer) return last_failure().code;
  virDomainFree(answer);
  return 0;
}

const std::vector<WriteCall>& write_calls() {
  static const std::vector<WriteCall> calls = {
      {"DomainCreate", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainCreate(d)); }},
      {"DomainCreateWithFlags", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainCreateWithFlags(d, 0)); }},
      {"DomainCreateXML",
       [](virConnectPtr c, virDomainPtr) {
         return code_of(virDomainCreateXML(c, "<domain type='lxc'><name>lxs-readonly</name></domain>", 0));
       }},
      {"DomainDefineXML",
       [](virConnectPtr c, virDomainPtr) {
         return code_of(virDomainDefineXML(c, "<domain type='lxc'><name>lxs-readonly</name></domain>"));
       }},
      {"DomainDefineXMLFlags",
       [](virConnectPtr c, virDomainPtr) {
         return code_of(virDomainDefineXMLFlags(c, "<domain type='lxc'><name>lxs-readonly</name></domain>", 0));
       }},
      {"DomainUndefine", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainUndefine(d)); }},
      {"DomainUndefineFlags", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainUndefineFlags(d, 0)); }},
      {"DomainDestroy", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainDestroy(d)); }},
      {"DomainDestroyFlags", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainDestroyFlags(d, 0)); }},
      {"DomainShutdown", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainShutdown(d)); }},
      {"DomainShutdownFlags", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainShutdownFlags(d, 0)); }},
      {"DomainReboot", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainReboot(d, 0)); }},
      {"DomainReset", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainReset(d, 0)); }},
      {"DomainSuspend", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainSuspend(d)); }},
      {"DomainResume", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainResume(d)); }},
      {"DomainSetAutostart", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainSetAutostart(d, 1)); }},
      {"DomainSetMemory", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainSetMemory(d, 65536)); }},
      {"DomainSetMaxMemory", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainSetMaxMemory(d, 65536)); }},
      {"DomainSendProcessSignal",
       [](virConnectPtr, virDomainPtr d) {
         return code_of(virDomainSendProcessSignal(d, 1, VIR_DOMAIN_PROCESS_SIGNAL_TERM, 0));
       }},
      {"DomainSetMetadata",
       [](virConnectPtr, virDomainPtr d) {
         return code_of(virDomainSetMetadata(d, VIR_DOMAIN_METADATA_TITLE, "t", nullptr, nullptr, 0));
       }},
      {"DomainAttachDevice",
       [](virConnectPtr, virDomainPtr d) { return code_of(virDomainAttachDevice(d, "<console/>")); }},
      {"DomainDetachDevice",
       [](virConnectPtr, virDomainPtr d) { return code_of(virDomainDetachDevice(d, "<console/>")); }},
      {"DomainRename", [](virConnectPtr, virDomainPtr d) { return code_of(virDomainRename(d, "lxs-readonly", 0)); }},
      {"DomainOpenConsole",
       [](virConnectPtr c, virDomainPtr d) {
         Stream stream(virStreamNew(c, VIR_STREAM_NONBLOCK));
         return code_of(virDomainOpenConsole(d, nullptr, stream, 0));
       }},
      {"DomainLxcOpenNamespace",
       [](virConnectPtr, virDomainPtr d) {
         int* descriptors = nullptr;
         return code_of(virDomainLxcOpenNamespace(d, &descriptors, 0));
       }},
      {"DomainGetXMLDescSecure",
       [](virConnectPtr, virDomainPtr d) {
         char* text = virDomainGetXMLDesc(d, VIR_DOMAIN_XML_SECURE);
         const int code = text ? 0 : last_failure().code;
         free(text);
         return code;
       }},
  };
  return calls;
}

class ReadOnlyTest : public SystemTest, public testing::WithParamInterface<std::tuple<Client, WriteCall>> {
 protected:
  static Connection open(Client client) {
    if (client == Client::Polite) return host().connect(Access::ReadOnly);
    return Connection(virConnectOpen(host().uri_of_read_only_socket().c_str()));
  }
};

TEST_P(ReadOnlyTest, IsDenied) {
  const auto& [client, call] = GetParam();
  const Domain domain = define(xml("readonly"));
  const Connection connection = open(client);
  ASSERT_TRUE(connection) << describe(last_failure());
  const Domain same(virDomainLookupByName(connection, own_name("readonly").c_str()));
  ASSERT_TRUE(same) << "looking is allowed: " << describe(last_failure());
  EXPECT_EQ(code_name(call.code(connection, same)), "VIR_ERR_OPERATION_DENIED");
  EXPECT_EQ(state_and_reason(domain), "shutoff/0");
  EXPECT_EQ(virConnectIsAlive(connection), 1) << "refused, not thrown out";
}

INSTANTIATE_TEST_SUITE_P(Calls, ReadOnlyTest,
                         testing::Combine(testing::Values(Client::Polite, Client::Rude),
                                          testing::ValuesIn(write_calls())),
                         [](const testing::TestParamInfo<std::tuple<Client, WriteCall>>& test) {
                           return std::string(std::get<1>(test.param).name) +
                                  (std::get<0>(test.param) == Client::Polite ? "_Polite" : "_Rude");
                         });

class ReadOnlyReads : public SystemTest, public testing::WithParamInterface<Client> {};

TEST_P(ReadOnlyReads, ReadingIsAllowed) {
  const Domain domain = define(xml("reading"));
  const Connection connection = GetParam() == Client::Polite
                                    ? host().connect(Access::ReadOnly)
                                    : Connection(virConnectOpen(host().uri_of_read_only_socket().c_str()));
  ASSERT_TRUE(connection) << describe(last_failure());
  EXPECT_GE(virConnectNumOfDefinedDomains(connection), 1);
  const Domain same(virDomainLookupByName(connection, own_name("reading").c_str()));
  ASSERT_TRUE(same) << describe(last_failure());
  virDomainInfo info;
  EXPECT_TRUE(ok(virDomainGetInfo(same, &info)));
  EXPECT_NE(dump(same), "");
  EXPECT_NE(take(virConnectGetCapabilities(connection)), "");
  EXPECT_NE(take(virConnectGetHostname(connection)), "");
  int autostart = -1;
  EXPECT_TRUE(ok(virDomainGetAutostart(same, &autostart)));
  EventCollector events(connection);
  virDomainUndefine(domain);
  EXPECT_TRUE(events.wait_for_story(own_name("reading"), "UNDEFINED/0"));
}

INSTANTIATE_TEST_SUITE_P(Clients, ReadOnlyReads, testing::Values(Client::Polite, Client::Rude),
                         [](const testing::TestParamInfo<Client>& test) {
                           return test.param == Client::Polite ? "Polite" : "Rude";
                         });

}  // namespace
