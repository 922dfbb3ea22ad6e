// Hostile bytes on the sockets: that client is dropped or told, the others never notice.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "base/fd.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;

base::Fd dial(Access access = Access::ReadWrite) {
  base::Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  host().socket(access).copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

void append(std::string& bytes, unsigned value) {
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 0xff);
}

/// A packet whose length word is right, with this header and payload.
std::string packet(unsigned program, unsigned version, unsigned procedure, unsigned type, unsigned status = 0,
                   const std::string& payload = "", unsigned serial = 1) {
  std::string bytes;
  append(bytes, static_cast<unsigned>(28 + payload.size()));
  for (const unsigned word : {program, version, procedure, type, serial, status}) append(bytes, word);
  return bytes + payload;
}

constexpr unsigned kRemote = 0x20008086;
constexpr unsigned kConnectOpen = 1;
constexpr unsigned kDefineXml = 11;

std::string word(unsigned value) {
  std::string bytes;
  append(bytes, value);
  return bytes;
}

/// Sends without dying of a peer that hung up.
void post(const base::Fd& fd, const std::string& bytes) {
  send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

enum class Answer { Closed, Bytes, Silence };

Answer wait_for_answer(const base::Fd& fd, Milliseconds limit) {
  pollfd poller = {fd.get(), POLLIN, 0};
  if (poll(&poller, 1, static_cast<int>(limit.count())) <= 0) return Answer::Silence;
  char buffer[4096];
  return recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0 ? Answer::Bytes : Answer::Closed;
}

struct Attack {
  const char* name;
  std::string bytes;
  bool dropped;  // the stream is beyond repair: the connection must be closed

  friend std::ostream& operator<<(std::ostream& out, const Attack& attack) { return out << attack.name; }
};

std::vector<Attack> attacks() {
  std::vector<Attack> all = {
      {"Http", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
      {"LengthZero", word(0) + std::string(24, '\0'), true},
      {"LengthShorterThanItself", word(3) + std::string(24, '\0'), true},
      {"LengthShorterThanHeader", word(27) + std::string(24, '\0'), true},
      {"LengthAboveLimit", word(33554437) + std::string(64, 'x'), true},
      {"LengthAllOnes", word(0xffffffff) + std::string(64, 'x'), true},
      {"LengthNegative", word(0x80000000) + std::string(64, 'x'), true},
      {"UnknownProgram", packet(0x12345678, 1, 1, 0), false},
      {"UnknownVersion", packet(kRemote, 99, kConnectOpen, 0), false},
      {"UnknownProcedure", packet(kRemote, 1, 60000, 0), false},
      {"NegativeProcedure", packet(kRemote, 1, 0xffffffff, 0), false},
      {"ProcedureZero", packet(kRemote, 1, 0, 0), false},
      {"EventAsCall", packet(kRemote, 1, 318, 0), false},
      {"ReplyInsteadOfCall", packet(kRemote, 1, kConnectOpen, 1), false},
      {"UnknownType", packet(kRemote, 1, kConnectOpen, 77), false},
      {"StreamOutOfNowhere", packet(kRemote, 1, 201, 3, 2, "data", 99), false},
      {"CallWithDescriptorsButNone", packet(kRemote, 1, kConnectOpen, 4, 0, word(32)), false},
      {"CallWithTooManyDescriptors", packet(kRemote, 1, kConnectOpen, 4, 0, word(0xffffffff)), false},
      {"OpenWithoutArguments", packet(kRemote, 1, kConnectOpen, 0), false},
      {"StringLongerThanPacket", packet(kRemote, 1, kConnectOpen, 0, 0, word(1) + word(4000000) + "abc"), false},
      {"StringAboveLimit", packet(kRemote, 1, kConnectOpen, 0, 0, word(1) + word(0xfffffffe) + "abc"), false},
      {"OptionalNeitherZeroNorOne", packet(kRemote, 1, kConnectOpen, 0, 0, word(7) + word(0)), false},
      {"TrailingBytes", packet(kRemote, 1, kConnectOpen, 0, 0, word(0) + word(0) + std::string(1000, 'x')), false},
      {"CallBeforeOpen", packet(kRemote, 1, kDefineXml, 0, 0, word(4) + "<a/>"), false},
  };
  return all;
}

class PacketTest : public SystemTest, public testing::WithParamInterface<Attack> {};

TEST_P(PacketTest, OnlyTheAttackerIsConcerned) {
  for (const Access access : {Access::ReadWrite, Access::ReadOnly}) {
    const base::Fd attacker = dial(access);
    ASSERT_TRUE(attacker);
    post(attacker, GetParam().bytes);
    if (GetParam().dropped) {
      EXPECT_EQ(wait_for_answer(attacker, patience()), Answer::Closed) << "bytes that can never become a packet";
    } else {
      // Told, dropped or left waiting: all fine, as long as this is the only one.
      wait_for_answer(attacker, Milliseconds(20));
    }
    EXPECT_GE(virConnectNumOfDomains(connection_), 0) << describe(last_failure());
    EXPECT_TRUE(Connection(virConnectOpen(host().uri().c_str()))) << describe(last_failure());
  }
}

std::string attack_name(const testing::TestParamInfo<Attack>& test) {
  return test.param.name;
}
INSTANTIATE_TEST_SUITE_P(Attacks, PacketTest, testing::ValuesIn(attacks()), attack_name);

class ClientTest : public SystemTest {};

TEST_F(ClientTest, HalfAPacketHoldsUpNobody) {
  std::vector<base::Fd> idle;
  for (int i = 0; i < 30; ++i) {
    idle.push_back(dial());
    ASSERT_TRUE(idle.back());
    post(idle.back(), packet(kRemote, 1, kConnectOpen, 0).substr(0, static_cast<std::size_t>(i) % 28));
  }
  EXPECT_GE(virConnectNumOfDomains(connection_), 0);
  const Connection other = host().connect();
  EXPECT_GE(virConnectNumOfDomains(other), 0);
}

TEST_F(ClientTest, AnnouncedGiantThatNeverComesTakesNoMemory) {
  NEEDS_OWN_DAEMON();
  const auto resident = [] {
    return std::stol("0" + status_value(host().daemon()->pid(), "VmRSS")
                               .substr(status_value(host().daemon()->pid(), "VmRSS").find_first_of("0123456789")));
  };
  const long before = resident();
  std::vector<base::Fd> liars;
  for (int i = 0; i < 20; ++i) {
    liars.push_back(dial());
    post(liars.back(), word(33554436) + packet(kRemote, 1, kConnectOpen, 0).substr(4));
  }
  EXPECT_GE(virConnectNumOfDomains(connection_), 0);
  EXPECT_LT(resident() - before, 100 * 1024) << "KiB for promises";
}

TEST_F(ClientTest, ClientThatNeverReadsIsNotWaitedFor) {
  // Many calls, no reply ever taken. The daemon may stop reading from it or drop it.
  const base::Fd deaf = dial();
  ASSERT_TRUE(deaf);
  std::string flood;
  for (unsigned i = 0; i < 2000; ++i) flood += packet(kRemote, 1, 60000 + i % 1000, 0, 0, "", i);
  for (int i = 0; i < 20; ++i) post(deaf, flood);
  EXPECT_GE(virConnectNumOfDomains(connection_), 0) << describe(last_failure());
  const Connection other = host().connect();
  EXPECT_GE(virConnectNumOfDomains(other), 0);
}

TEST_F(ClientTest, LargestDefinitionThatMayBeSent) {
  DomainXml definition = xml("large");
  definition.elements = "  <description>" + std::string(3000000, 'd') + "</description>\n";
  const Domain domain = define(definition);
  EXPECT_EQ(xpath(dump(domain), "string-length(/domain/description)"), "3000000");
}

TEST_F(ClientTest, TooLargeADefinitionIsAnErrorAndTheConnectionLives) {
  DomainXml definition = xml("large");
  definition.elements = "  <description>" + std::string(5000000, 'd') + "</description>\n";
  EXPECT_EQ(virDomainDefineXML(connection_, definition.text().c_str()), nullptr);
  EXPECT_GE(virConnectNumOfDomains(connection_), 0) << describe(last_failure());
}

}  // namespace
