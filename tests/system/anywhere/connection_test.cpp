// Opening, identity of the host, and what a connection answers without any domain (lifecycle.md §1).
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "support/fixture.hpp"

namespace {

using namespace support;

class ConnectionTest : public SystemTest {};

TEST_F(ConnectionTest, OpensAndCloses) {
  Connection connection = host().connect();
  EXPECT_EQ(virConnectIsAlive(connection), 1);
  virConnectPtr raw = connection;
  virConnectRef(raw);
  EXPECT_EQ(virConnectClose(raw), 1) << "one reference is left";
}

TEST_F(ConnectionTest, TypeIsLxc) {
  EXPECT_STREQ(virConnectGetType(connection_), "LXC");
}

TEST_F(ConnectionTest, VersionIsTheKernelRelease) {
  struct utsname kernel = {};
  ASSERT_EQ(uname(&kernel), 0);
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;
  ASSERT_GE(sscanf(kernel.release, "%u.%u.%u", &major, &minor, &patch), 2);
  unsigned long version = 0;
  ASSERT_TRUE(ok(virConnectGetVersion(connection_, &version)));
  EXPECT_EQ(version, major * 1000000UL + minor * 1000UL + patch);
}

TEST_F(ConnectionTest, LibraryVersionIsALibvirtVersion) {
  unsigned long version = 0;
  ASSERT_TRUE(ok(virConnectGetLibVersion(connection_, &version)));
  EXPECT_GE(version, 9000000UL);
  EXPECT_LT(version, 100000000UL);
}

TEST_F(ConnectionTest, HostnameIsTheHosts) {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  const std::string answer = take(virConnectGetHostname(connection_));
  EXPECT_EQ(answer.substr(0, answer.find('.')), std::string(name).substr(0, std::string(name).find('.')));
}

TEST_F(ConnectionTest, UriIsTheSystemOne) {
  const std::string scheme = host().uri().substr(0, host().uri().find(':'));
  EXPECT_EQ(take(virConnectGetURI(connection_)).substr(0, scheme.size() + 10), scheme + ":///system");
}

TEST_F(ConnectionTest, LocalSocketIsSecureAndNotEncrypted) {
  EXPECT_EQ(virConnectIsSecure(connection_), 1);
  EXPECT_EQ(virConnectIsEncrypted(connection_), 0);
}

TEST_F(ConnectionTest, CapabilitiesOfferContainers) {
  const std::string xml = take(virConnectGetCapabilities(connection_));
  ASSERT_NE(xml, "") << describe(last_failure());
  struct utsname kernel = {};
  uname(&kernel);
  EXPECT_EQ(xpath(xml, "string(/capabilities/host/cpu/arch)"), kernel.machine);
  EXPECT_EQ(xpath(xml, "string-length(/capabilities/host/uuid)"), "36");
  const std::string guest = "/capabilities/guest[arch/@name='" + std::string(kernel.machine) + "']";
  EXPECT_EQ(xpath(xml, "string(" + guest + "/os_type)"), "exe");
  EXPECT_EQ(xpath(xml, "string(" + guest + "/arch/domain/@type)"), "lxc");
  EXPECT_NE(xpath(xml, "string(" + guest + "/arch/emulator)"), "");
}

TEST_F(ConnectionTest, NodeInfoDescribesThisMachine) {
  virNodeInfo info = {};
  ASSERT_TRUE(ok(virNodeGetInfo(connection_, &info)));
  struct utsname kernel = {};
  uname(&kernel);
  EXPECT_STREQ(info.model, kernel.machine);
  EXPECT_EQ(info.cpus, static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN)));
  // All memory, or what the NUMA nodes have of it: a ballooned machine knows two totals, and libvirt takes the latter.
  const auto total = std::stoul(shell("sed -n 's/^MemTotal: *//p' /proc/meminfo").text);
  const auto nodes =
      std::stoul("0" + shell("cat /sys/devices/system/node/node*/meminfo | awk '/MemTotal/{n+=$4} END{print n}'").text);
  EXPECT_TRUE(info.memory == total || info.memory == nodes)
      << info.memory << " is neither " << total << " nor " << nodes;
  EXPECT_GE(VIR_NODEINFO_MAXCPUS(info), info.cpus);
}

TEST_F(ConnectionTest, MaximumVcpus) {
  const int answer = virConnectGetMaxVcpus(connection_, "lxc");
  if (host().is_stock()) {
    EXPECT_TRUE(fails_with(VIR_ERR_NO_SUPPORT, answer));
  } else if (answer < 0) {
    EXPECT_EQ(last_failure().code, VIR_ERR_NO_SUPPORT) << describe(last_failure());
  } else {
    EXPECT_GT(answer, 0);
  }
}

TEST_F(ConnectionTest, AnotherPathIsRefused) {
  const std::string uri = host().uri();
  const auto path = uri.find("/system");
  ASSERT_NE(path, std::string::npos);
  const std::string wrong = uri.substr(0, path) + "/nowhere" + uri.substr(path + 7);
  EXPECT_TRUE(fails_with(VIR_ERR_INTERNAL_ERROR, virConnectOpen(wrong.c_str())));
}

TEST_F(ConnectionTest, KeepaliveIsAccepted) {
  EXPECT_TRUE(ok(virConnectSetKeepAlive(connection_, 1, 3)));
  EXPECT_EQ(virConnectIsAlive(connection_), 1);
  // Longer than an interval: an answered keepalive leaves the connection alive.
  EventCollector events(connection_);
  EXPECT_TRUE(events.drain());
  EXPECT_TRUE(eventually([&, begin = Clock::now()] { return Clock::now() - begin > Milliseconds(1500); }));
  EXPECT_EQ(virConnectIsAlive(connection_), 1);
}

TEST_F(ConnectionTest, ManyClientsAtOnce) {
  std::vector<Connection> connections;
  for (int i = 0; i < 20; ++i) connections.push_back(host().connect(i % 2 ? Access::ReadOnly : Access::ReadWrite));
  for (const auto& connection : connections) EXPECT_GE(virConnectNumOfDomains(connection), 0);
}

TEST_F(ConnectionTest, AClientThatGoesAwayDisturbsNobody) {
  for (int i = 0; i < 10; ++i) {
    Connection other = host().connect();
    EventCollector events(other);
  }
  EXPECT_GE(virConnectNumOfDomains(connection_), 0);
}

TEST_F(ConnectionTest, NoSupportNamesThePublicFunction) {
  EXPECT_TRUE(fails_with(VIR_ERR_NO_SUPPORT, virDomainRestore(connection_, "/nowhere")));
  EXPECT_NE(last_failure().message.find("virDomainRestore"), std::string::npos) << last_failure().message;
}

}  // namespace
